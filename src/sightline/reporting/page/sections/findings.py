"""What the audit found, check by check, with the images that it concerns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from sightline.auditing import Findings
from sightline.dataset import Finding
from sightline.reporting.facts import DataFacts
from sightline.reporting.page.blocks import (
    Album,
    Block,
    Folded,
    Gallery,
    Pairs,
    Picture,
    Sentence,
    Verdict,
    Verdicts,
)
from sightline.reporting.page.markup import joined, names, prose, tag
from sightline.reporting.page.section import Content, NotRun, Section
from sightline.reporting.page.sentences import counted

_MARKS = {"error": "bad", "warning": "open", "info": "quiet"}
_WORDS = {"info": "remark"}
_OF_A_CHECK = 20
_SHOWN = 6


def _fill(facts: DataFacts, album: Album) -> Content:
    if facts.findings is None:
        return NotRun(reason="the data was not audited; `sightline report MODEL DATA` does.")
    checks = _by_check(facts.findings)
    lead = ", ".join(
        counted(number, word)
        for severity, word in (("error", "error"), ("warning", "warning"), ("info", "remark"))
        if (number := sum(one.severity == severity for one in facts.findings))
    )
    said = f"The audit of the data gave {lead}." if lead else "The audit found nothing."
    blocks: list[Block] = [Sentence(text=said)]
    if checks:
        blocks.append(Verdicts(items=tuple(_verdict(one, facts, album) for one in checks)))
    if facts.not_run:
        items = tuple((one.check.replace("_", " "), prose(one.reason)) for one in facts.not_run)
        title = f"{counted(len(items), 'check')} could not run"
        blocks.append(Folded(title=title, blocks=(Pairs(items=items),)))
    return tuple(blocks)


def _by_check(findings: Sequence[Finding]) -> list[tuple[Finding, ...]]:
    """Return findings of one check and severity together, the worst first."""
    places = {one.check: place for place, one in reversed(list(enumerate(findings)))}
    worst = sorted(Findings(findings).worst_first(), key=lambda one: places[one.check])
    groups = groupby(Findings(worst).worst_first(), key=lambda one: (one.severity, one.check))
    return [tuple(group) for _, group in groups]


def _verdict(findings: Sequence[Finding], facts: DataFacts, album: Album) -> Verdict:
    first, shown = findings[0], findings[:_OF_A_CHECK]
    title: list[object] = [first.check.replace("_", " ")]
    if len(findings) > 1:
        title.append(tag("span", {"class": "detail"}, f" {len(findings):,} times"))
    blocks = [block for one in shown for block in _finding(one, facts, album)]
    if len(findings) > len(shown):
        more = f"And {len(findings) - len(shown):,} more; `sightline audit --json` lists them."
        blocks.append(Sentence(text=prose(more)))
    fixes = dict.fromkeys(one.fix for one in findings if one.fix)
    if fixes:
        done = tag("span", {"class": "fix"}, "To do: ", prose("; ".join(fixes)), ".")
        blocks.append(Sentence(text=done))
    return Verdict(
        mark=_MARKS[first.severity],
        word=_WORDS.get(first.severity, first.severity),
        title=joined(title),
        blocks=tuple(blocks),
    )


def _finding(finding: Finding, facts: DataFacts, album: Album) -> tuple[Block, ...]:
    shown = finding.paths[:_SHOWN]
    pictures = tuple(_picture(path, facts, album) for path in shown)
    more = len(finding.paths) - len(shown)
    if any(picture.uri for picture in pictures):
        gallery = Gallery(pictures=pictures, more=more, size="small")
        return (Sentence(text=finding.message), gallery)
    if not shown:
        return (Sentence(text=finding.message),)
    end = f" and {more:,} more." if more else "."
    return (Sentence(text=joined([finding.message.rstrip("."), ": ", names(shown), end])),)


def _picture(path: str, facts: DataFacts, album: Album) -> Picture:
    place = facts.places.get(path)
    lines = () if place is None else (joined([names(place.labels), f", {place.split}"]),)
    return Picture(uri=album.uri(path), name=path, lines=lines)


def _names(facts: DataFacts) -> tuple[str, ...]:
    shown = (one for check in _by_check(facts.findings or ()) for one in check[:_OF_A_CHECK])
    return tuple(path for one in shown for path in one.paths[:_SHOWN])


FINDINGS = Section[DataFacts](
    id="findings", title="What the audit found", fill=_fill, picture_bytes=900_000, names=_names
)

"""What the audit found, with the images that it concerns."""

from __future__ import annotations

from sightline.dataset import Finding
from sightline.reporting.facts import Facts
from sightline.reporting.page.blocks import (
    Album,
    Block,
    Gallery,
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
_MOST_FINDINGS = 60
_SHOWN = 6


def _fill(facts: Facts, album: Album) -> Content:
    found = facts.findings
    if found is None:
        return NotRun(reason="the data was not audited; `sightline report MODEL DATA` does.")
    if not found:
        return (Sentence(text="The audit found nothing to object to."),)
    lead = ", ".join(
        counted(number, word)
        for severity, word in (("error", "error"), ("warning", "warning"), ("info", "remark"))
        if (number := sum(one.severity == severity for one in found))
    )
    blocks: list[Block] = [
        Sentence(text=f"The audit of the data gave {lead}."),
        Verdicts(items=tuple(_verdict(one, album) for one in found[:_MOST_FINDINGS])),
    ]
    more = len(found) - _MOST_FINDINGS
    if more > 0:
        blocks.append(
            Sentence(text=f"{counted(more, 'more finding')}: see `sightline audit`.", tone="note")
        )
    return tuple(blocks)


def _verdict(finding: Finding, album: Album) -> Verdict:
    shown = finding.paths[:_SHOWN]
    pictures = tuple(Picture(uri=album.uri(path), name=path) for path in shown)
    more = len(finding.paths) - len(shown)
    text: list[object] = [finding.message]
    seen = any(picture.uri for picture in pictures)
    if shown and not seen:
        text += [" ", names(shown), f" and {more:,} more." if more else "."]
    if finding.fix:
        text += [" ", tag("span", {"class": "fix"}, "To do: ", prose(finding.fix), ".")]
    return Verdict(
        mark=_MARKS[finding.severity],
        word=_WORDS.get(finding.severity, finding.severity),
        title=finding.check.replace("_", " "),
        text=joined(text),
        pictures=Gallery(pictures=pictures, more=more, size="small") if seen else None,
    )


def _names(facts: Facts) -> tuple[str, ...]:
    found = (facts.findings or ())[:_MOST_FINDINGS]
    return tuple(path for one in found for path in one.paths[:_SHOWN])


FINDINGS = Section(
    id="findings", title="What the audit found", fill=_fill, picture_bytes=500_000, names=_names
)

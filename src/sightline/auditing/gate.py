"""The gate between data and training: errors stop, unless a word says how to go on.

Two words for every check: `--allow CHECK` goes on in spite of it, `--without CHECK` leaves out
what it found. This table is the only place that knows which word fits which check.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from sightline.auditing.table import CHECKS
from sightline.dataset import Finding
from sightline.dataset.records import counted, listed
from sightline.errors import ConfigError, DataError, unknown_name

READER_CHECKS = ("empty_class", "one_class")
"""Checks that readers make while listing; `Dataset.open` takes the words for them."""

ALLOWED: tuple[str, ...] = (
    *(check.name for check in CHECKS.values() if check.may_allow),
    *READER_CHECKS,
)
LEFT_OUT: tuple[str, ...] = tuple(check.name for check in CHECKS.values() if check.may_leave_out)


def gate(
    findings: Iterable[Finding],
    *,
    allow: Collection[str] = (),
    without: Collection[str] = (),
) -> tuple[str, ...]:
    """Let the data pass, or refuse it naming what is wrong and the words to go on.

    Args:
        findings: Of readers and of the audit.
        allow: Checks whose errors are accepted.
        without: Checks whose findings are left out.

    Returns:
        The names to leave out: for `dataset.without`.

    Raises:
        ConfigError: A word names no check, or one that it cannot be used for.
        DataError: An error is neither allowed nor left out.
    """
    check_words(allow, without)
    everything = tuple(findings)
    leaving = dict.fromkeys(
        name for finding in everything if finding.check in without for name in finding.surplus
    )
    stopping: dict[str, list[Finding]] = defaultdict(list)
    for finding in everything:
        # Another word may have left out what this one found: a copy that leaked, say.
        is_gone = bool(finding.surplus) and leaving.keys() >= set(finding.surplus)
        if finding.severity == "error" and finding.check not in allow and not is_gone:
            stopping[finding.check].append(finding)
    if stopping:
        raise _refused(stopping)
    return tuple(leaving)


def check_words(allow: Collection[str], without: Collection[str]) -> None:
    """Check the words of a user before any work is done.

    Raises:
        ConfigError: A word names no check, or one that it cannot be used for.
    """
    for option, words, fitting in (("allow", allow, ALLOWED), ("without", without, LEFT_OUT)):
        for word in words:
            if word not in (*CHECKS, *READER_CHECKS):
                raise unknown_name("check", word, fitting)
            if word not in fitting:
                raise ConfigError(
                    f"--{option} {word} is not possible.",
                    expected=f"one of {', '.join(fitting)}",
                    fix=f"use --without {word}" if word in LEFT_OUT else None,
                    code="bad_check_word",
                )


def _refused(stopping: Mapping[str, Sequence[Finding]]) -> DataError:
    parts, fixes = [], []
    for check, found in stopping.items():
        paths = {path for finding in found for path in finding.paths}
        size = counted(len(paths), "image") if paths else counted(len(found), "finding")
        parts.append(f"{check} ({size}):\n{listed(finding.message for finding in found)}")
        fixes.extend(_ways_on(check, found))
    words = [_word(check, found) for check, found in stopping.items()]
    if len(words) > 1 and all(words):
        fixes.append(f"all at once: `{' '.join(words)}`")
    everything = [finding for found in stopping.values() for finding in found]
    return DataError(
        "The data cannot be used as they are.\n" + "\n".join(parts),
        expected="data without these problems",
        fix="; ".join(fixes),
        code=next(iter(stopping)),
        details={"findings": [finding.to_json() for finding in everything]},
    )


def _word(check: str, found: Sequence[Finding]) -> str:
    """Return what to add to the command line to go on: leave out what can be, allow what cannot."""
    if check in LEFT_OUT and all(finding.surplus for finding in found):
        return f"--without {check}"
    return f"--allow {check}" if check in ALLOWED else ""


def _ways_on(check: str, found: Sequence[Finding]) -> list[str]:
    surplus = {name for finding in found for name in finding.surplus}
    fixes = {finding.fix for finding in found if finding.fix}
    # Where each needs another remedy, none of them is said for all.
    ways = list(fixes) if len(fixes) == 1 else []
    if check in LEFT_OUT and surplus:
        ways.append(f"`--without {check}` leaves {counted(len(surplus), 'image')} out")
    if check in ALLOWED:
        ways.append(f"`--allow {check}` goes on in spite of it")
    return ways

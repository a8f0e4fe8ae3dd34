"""Copies that straddle splits which are already there: what was trained on would also judge.

Splits that Sightline makes have none; those of folders and manifests may.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from sightline.dataset.content import Content
from sightline.dataset.duplicates import content_groups
from sightline.dataset.record import aligned
from sightline.dataset.records import Finding, Row, Severity, counted
from sightline.files import printable

JUDGES_FIRST = ("test", "validation", "train")
"""Which copy stays when the others are left out: what judges, so that measures stay comparable."""


def leaks(rows: Iterable[Row], contents: Sequence[Content]) -> tuple[Finding, ...]:
    """Return every set of copies that straddles splits.

    Args:
        rows: A `Dataset`, or its rows; those without a split straddle nothing.
        contents: Aligned with the rows.

    Returns:
        `leak` (error: identical files), `near_leak` (error: near duplicates) and `group_leak`
        (error: one named group); `surplus` names what to leave out so that none is left.
    """
    pairs = list(aligned(tuple(rows), contents))
    return (*identical_leaks(pairs), *group_leaks(pairs), *near_leaks(pairs))


def identical_leaks(pairs: Iterable[tuple[Row, Content]]) -> Iterator[Finding]:
    """Yield sets of identical files in more than one split."""
    sets: dict[str, list[Row]] = defaultdict(list)
    for row, content in pairs:
        if content.digest:
            sets[content.digest].append(row)
    for rows in sets.values():
        yield from _straddling(rows, "leak", "error", "The same image")


def near_leaks(
    pairs: Sequence[tuple[Row, Content]],
    sets: Iterable[Sequence[tuple[Row, Content]]] | None = None,
) -> Iterator[Finding]:
    """Yield sets of near duplicates, not all identical, in more than one split.

    Args:
        pairs: Each row with its content.
        sets: Which of them are near duplicates; `near_sets(pairs)` by default.
    """
    if len({row.split for row, _ in pairs} - {None}) < 2:
        return
    for members in near_sets(pairs) if sets is None else sets:
        rows = [row for row, _ in members]
        yield from _straddling(rows, "near_leak", "error", "Nearly the same image")


def near_sets(
    pairs: Iterable[tuple[Row, Content]],
) -> tuple[tuple[tuple[Row, Content], ...], ...]:
    """Return the sets of near duplicates, not all of them identical; those in crowds too."""
    known = [(row, content) for row, content in pairs if content.digest]
    groups = content_groups([content for _, content in known], [None] * len(known))
    sets: dict[str, list[tuple[Row, Content]]] = defaultdict(list)
    for group, pair in zip(groups.keys, known, strict=True):
        sets[group].append(pair)
    return tuple(
        tuple(members)
        for members in sets.values()
        if len({content.digest for _, content in members}) > 1
    )


def group_leaks(pairs: Iterable[tuple[Row, Content]]) -> Iterator[Finding]:
    """Yield named groups in more than one split."""
    sets: dict[str, list[Row]] = defaultdict(list)
    for row, _ in pairs:
        if row.group is not None:
            sets[row.group].append(row)
    for group, rows in sets.items():
        yield from _straddling(rows, "group_leak", "error", f"Group {printable(group)!r}")


def _straddling(
    rows: Sequence[Row], check: str, severity: Severity, what: str
) -> Iterator[Finding]:
    splits = [name for name in JUDGES_FIRST if any(row.split == name for row in rows)]
    if len(splits) < 2:
        return
    inside = [row for row in rows if row.split]
    examples = [next(row for row in inside if row.split == name) for name in splits]
    shown = " and ".join(f"{row.split} ({printable(row.name)})" for row in examples)
    yield Finding(
        check=check,
        severity=severity,
        message=f"{what} is in {shown}; {counted(len(inside), 'file')} in all.",
        paths=tuple(row.name for row in inside),
        surplus=tuple(row.name for row in inside if row.split != splits[0]),
        fix="split the data anew, or keep these images in one split",
    )

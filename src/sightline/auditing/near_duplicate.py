"""Nearly identical images: surplus copies of one picture, or one picture with two labels.

Identical files are `duplicate` and `conflict`; where a set holds both kinds, the nearly identical
ones are counted here and the files there. Crowds that only look alike are not sets of copies:
`dataset.duplicates` says how they are told apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from sightline.auditing.check import Check, Evidence
from sightline.dataset import Content, Finding, Row
from sightline.dataset.leaks import JUDGES_FIRST
from sightline.files import printable

_SHOWN = 4


def find_near_duplicates(evidence: Evidence) -> Iterator[Finding]:
    """Yield a warning for each set of near duplicates with the same labels, one to be kept.

    Kept is the one in the split that judges, else the largest: a version with more to see. A set
    that straddles splits is told by `near_leak`, and here only its parts that are sets by
    themselves.
    """
    order = (*JUDGES_FIRST, None)
    for whole in evidence.near_copies:
        if len({frozenset(row.labels) for row, _ in whole}) > 1:
            continue
        for members in _inside_splits(whole):
            ranked = sorted(members, key=lambda each: (order.index(each[0].split), -_area(each[1])))
            kept, *rest = (row for row, _ in ranked)
            digest = ranked[0][1].digest
            yield Finding(
                check=NEAR_DUPLICATE.name,
                severity="warning",
                message=f"{len(members)} versions of {printable(kept.name)}, nearly identical.",
                paths=(kept.name, *(row.name for row in rest)),
                fix="keep one",
                # Identical copies of the kept one are the business of `duplicate`.
                surplus=tuple(row.name for row, one in ranked[1:] if one.digest != digest),
            )


def find_near_conflicts(evidence: Evidence) -> Iterator[Finding]:
    """Yield a warning for each set of near duplicates, not all identical, whose labels differ."""
    for members in evidence.near_copies:
        if len({frozenset(row.labels) for row, _ in members}) > 1:
            shown = "; ".join(
                f"{printable(row.name)} is {' | '.join(row.labels) or 'without label'}"
                for row in _different(members)[:_SHOWN]
            )
            names = tuple(row.name for row, _ in members)
            yield Finding(
                check=NEAR_CONFLICT.name,
                severity="warning",
                message=f"Nearly the same image has different labels: {shown}.",
                paths=names,
                fix="keep the version with the right label",
                # None of them is known to be right.
                surplus=names,
            )


def _inside_splits(members: Sequence[tuple[Row, Content]]) -> Iterator[list[tuple[Row, Content]]]:
    """Yield the parts of a set inside one split that are not all identical.

    An image without a split goes with those that judge, so that it is not forgotten.
    """
    splits = {row.split for row, _ in members}
    judging = next((name for name in JUDGES_FIRST if name in splits), None)
    parts: dict[str | None, list[tuple[Row, Content]]] = defaultdict(list)
    for row, content in members:
        parts[row.split or judging].append((row, content))
    for part in parts.values():
        if len({content.digest for _, content in part}) > 1:
            yield part


def _area(content: Content) -> int:
    return content.header.width * content.header.height if content.header else 0


def _different(members: Sequence[tuple[Row, Content]]) -> list[Row]:
    """Return the rows, the first with each set of labels before the others."""
    by_labels: dict[frozenset[str], list[Row]] = defaultdict(list)
    for row, _ in members:
        by_labels[frozenset(row.labels)].append(row)
    firsts = [rows[0] for rows in by_labels.values()]
    return firsts + [row for rows in by_labels.values() for row in rows[1:]]


NEAR_DUPLICATE = Check(
    name="near_duplicate",
    title="nearly identical images with the same labels",
    find=find_near_duplicates,
    may_leave_out=True,
)
NEAR_CONFLICT = Check(
    name="near_conflict",
    title="nearly identical images with different labels",
    find=find_near_conflicts,
    may_leave_out=True,
)

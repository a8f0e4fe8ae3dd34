"""Redundant copies: identical files with the same labels. One of each set would do."""

from __future__ import annotations

from collections.abc import Iterator

from sightline.auditing.check import Check, Evidence
from sightline.dataset import Finding
from sightline.dataset.leaks import JUDGES_FIRST
from sightline.files import printable


def find_duplicates(evidence: Evidence) -> Iterator[Finding]:
    """Yield a warning for each set of identical files; all but one are surplus."""
    for rows in evidence.copies:
        if len({frozenset(row.labels) for row in rows}) == 1:
            order = (*JUDGES_FIRST, None)
            kept, *rest = sorted(rows, key=lambda row: order.index(row.split))
            yield Finding(
                check=DUPLICATE.name,
                severity="warning",
                message=f"{len(rows)} copies of {printable(kept.name)}.",
                paths=(kept.name, *(row.name for row in rest)),
                fix="keep one",
                surplus=tuple(row.name for row in rest),
            )


DUPLICATE = Check(
    name="duplicate",
    title="redundant copies of an image",
    find=find_duplicates,
    may_leave_out=True,
)

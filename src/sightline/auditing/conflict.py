"""The same image under two labels: at most one is right, and only a person can say which."""

from __future__ import annotations

from collections.abc import Iterator

from sightline.auditing.check import Check, Evidence
from sightline.dataset import Finding
from sightline.files import printable


def find_conflicts(evidence: Evidence) -> Iterator[Finding]:
    """Yield an error for each set of identical files whose labels differ."""
    for rows in evidence.copies:
        if len({frozenset(row.labels) for row in rows}) > 1:
            shown = "; ".join(
                f"{printable(row.name)} is {' | '.join(row.labels) or 'without label'}"
                for row in rows[:4]
            )
            names = tuple(row.name for row in rows)
            yield Finding(
                check=CONFLICT.name,
                severity="error",
                message=f"The same image has different labels: {shown}.",
                paths=names,
                fix="keep the copy with the right label",
                # None of them is known to be right.
                surplus=names,
            )


CONFLICT = Check(
    name="conflict",
    title="the same image with different labels",
    find=find_conflicts,
    may_leave_out=True,
)

"""Which images were taken together: answers to those are not independent of each other."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from sightline.dataset import Row


def groups_of(rows: Iterable[Row]) -> tuple[Hashable, ...] | None:
    """Return the group of each row, its own where it has none; None where no row has one."""
    known = tuple(rows)
    if all(row.group is None for row in known):
        return None
    return tuple(("image", row.name) if row.group is None else row.group for row in known)

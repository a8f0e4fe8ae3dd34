"""Validation in two halves: one chooses the model, the other calibrates what was chosen.

An image that chose the model speaks too well of it: limits and temperatures that are fitted on it
would promise too much.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

from sightline.dataset.records import Row

FEWEST_TO_CALIBRATE = 60
"""Validation images below which all of them choose: half of fewer would calibrate badly."""


def calibrating(rows: Sequence[Row], groups: Sequence[str]) -> tuple[bool, ...]:
    """Return which validation images calibrate: half of each class, groups undivided.

    A function of the groups alone, so names, places and order play no part.

    Args:
        rows: The validation images.
        groups: What must stay together, aligned with the rows.
    """
    if len(rows) < FEWEST_TO_CALIBRATE:
        return (False,) * len(rows)
    members: dict[str, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        members[group].append(index)
    chosen = [False] * len(rows)
    # Of each set of labels, how many more images choose than calibrate.
    surplus: Counter[tuple[str, ...]] = Counter()
    # Large groups first: small ones then even out.
    for group in sorted(members, key=lambda group: (-len(members[group]), _hash(group))):
        kinds = Counter(tuple(sorted(rows[index].labels)) for index in members[group])
        ahead = sum(count * surplus[kind] for kind, count in kinds.items())
        calibrates = ahead > 0 or (ahead == 0 and surplus.total() > 0)
        for kind, count in kinds.items():
            surplus[kind] += -count if calibrates else count
        for index in members[group]:
            chosen[index] = calibrates
    return tuple(chosen)


def _hash(group: str) -> bytes:
    return hashlib.sha256(f"calibrates {group}".encode("utf-8", "surrogateescape")).digest()

"""Validation in two halves: one chooses the model, the other calibrates what was chosen.

An image that chose the model speaks too well of it: limits and temperatures that are fitted on it
would promise too much.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from sightline.dataset.records import Row

FEWEST_TO_CALIBRATE = 60
"""Validation images below which all of them choose: half of fewer would calibrate badly."""


def calibrating(
    rows: Sequence[Row], groups: Sequence[str], *, earlier: Sequence[bool | None] | None = None
) -> tuple[bool, ...]:
    """Return which validation images calibrate: half of each class, groups undivided.

    A function of the groups alone, so names, places and order play no part.

    Args:
        rows: The validation images.
        groups: What must stay together, aligned with the rows.
        earlier: For each image whether it calibrated the model that training continues from
            (else it chose it); None for an image that had no part in it. What chose once can
            never calibrate.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        members[group].append(index)
    # Of each set of labels, how many more images choose than calibrate.
    surplus: Counter[tuple[str, ...]] = Counter()
    chosen = [False] * len(rows)
    # Large groups first: small ones then even out.
    order = sorted(members, key=lambda group: (-len(members[group]), _hash(group)))
    decided = _decided(members, earlier)
    for group in (*(g for g in order if g in decided), *(g for g in order if g not in decided)):
        kinds = Counter(tuple(sorted(rows[index].labels)) for index in members[group])
        ahead = sum(count * surplus[kind] for kind, count in kinds.items())
        balancing = ahead > 0 or (ahead == 0 and surplus.total() > 0)
        calibrates = decided.get(group, balancing)
        for kind, count in kinds.items():
            surplus[kind] += -count if calibrates else count
        for index in members[group]:
            chosen[index] = calibrates
    enough = len(rows) >= FEWEST_TO_CALIBRATE and sum(chosen) >= FEWEST_TO_CALIBRATE // 3
    return tuple(chosen) if enough else (False,) * len(rows)


def _decided(
    members: Mapping[str, Sequence[int]], earlier: Sequence[bool | None] | None
) -> dict[str, bool]:
    """Return the part of each group that an earlier model has decided."""
    found: dict[str, bool] = {}
    if earlier is None:
        return found
    for group, indices in members.items():
        roles = [earlier[index] for index in indices if earlier[index] is not None]
        if roles:
            found[group] = all(roles)
    return found


def _hash(group: str) -> bytes:
    return hashlib.sha256(f"calibrates {group}".encode("utf-8", "surrogateescape")).digest()

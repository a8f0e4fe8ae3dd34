"""Which split an image belongs to: a seeded hash of its content group, and nothing else.

What is promised:

* **Stable.** A rule under which no addition ever moves an image can look at that image's own group
  only: so each group falls by its own hash, and images that are added move no old image unless they
  join its group. The price is that sizes are those asked for in expectation, not exactly
  (±1 standard deviation: √(n·p·(1−p)) groups), for each class alike: that is all the stratification
  that stability leaves room for, but for one thing:
* **Every class in every split.** A split that the hash leaves without a class is topped up with one
  group of that class, and a notice `topped_up` names it. Only images of such a class (or of one
  that shares a group with it) can move when images are added: once others fill the gap, the
  borrowed ones go back to where their hash says. A dataset whose split gave neither this notice
  nor `small_class` never moves. With 15 % for test, a class of 50 groups needs one in 3,000 splits.
* **Together.** Rows of one group are never apart.
* **Joined.** If an added image joins old groups (it resembles one, or bridges two), the joined
  group falls by the smallest key of its members: some of them may move, and no rule that sees only
  the images, not their history, could always avoid it. Where the history is known, rows that
  already have a split keep it, and undecided rows of their group follow: to train if any is there,
  because an image that resembles one trained on must not judge.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sightline.dataset.records import SPLITS, Finding, Row, counted
from sightline.errors import ConfigError, DataError

_MORE_IMAGES = "add images of it, or leave the class out"
_TOP_UP_ORDER = ("train", "test", "validation")


@dataclass(frozen=True, kw_only=True)
class Fractions:
    """The share of each split; they sum to one.

    Raises:
        ConfigError: A share is not between 0 and 1, or they do not sum to 1.
    """

    train: float
    validation: float
    test: float

    def __post_init__(self) -> None:
        shares = (self.train, self.validation, self.test)
        if not all(0 <= share <= 1 for share in shares) or not math.isclose(
            math.fsum(shares), 1, abs_tol=1e-6
        ):
            raise ConfigError(
                f"Cannot split into train={self.train}, validation={self.validation}, "
                f"test={self.test}.",
                expected="three shares from 0 to 1 that sum to 1",
                fix="for example 0.7, 0.15, 0.15",
                code="bad_fractions",
            )

    def of(self, splits: Collection[str]) -> dict[str, float]:
        """Return the shares of `splits` alone, scaled to sum to one; those of zero are left out."""
        shares = {name: getattr(self, name) for name in splits if getattr(self, name) > 0}
        total = math.fsum(shares.values())
        return {name: share / total for name, share in shares.items()}


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """A split for each row, and what had to be bent.

    Args:
        splits: Aligned with the rows.
        notices: `topped_up` (info) and `small_class` (error: fewer groups than splits).
    """

    splits: tuple[str, ...]
    notices: tuple[Finding, ...]


def assign_splits(
    rows: Sequence[Row],
    groups: Sequence[str],
    fractions: Fractions,
    *,
    seed: int,
    classes: Sequence[str] = (),
) -> Assignment:
    """Assign each row to a split.

    Rows that have a split keep it. Where all rows have one, and validation or test is asked for
    but none is there, it is taken out of train.

    Args:
        rows: The images.
        groups: The content group of each row: what must stay together.
        fractions: The shares.
        seed: Another seed gives another, independent split.
        classes: Those that rows should have, so that one without any row is noticed.

    Raises:
        DataError: A share for train was asked for, and no row can be in it.
    """
    fixed, shares = _what_is_fixed(rows, fractions)
    by_group: dict[str, list[int]] = defaultdict(list)
    for i, group in enumerate(groups):
        by_group[group].append(i)
    carving = all(row.split for row in rows)
    # What an earlier split by the same hash left in train would all fall on one side again.
    salt = f"carved {seed}" if carving else str(seed)
    splits = list(fixed)
    free: dict[str, str] = {}
    for group, members in by_group.items():
        kept = {fixed[i] for i in members} - {None}
        if kept:
            joined = "train" if carving else next(name for name in SPLITS if name in kept)
            for i in members:
                splits[i] = splits[i] or joined
        else:
            free[group] = _by_hash(group, shares, salt)
    table = _ClassTable(rows, splits, by_group, free)
    moved = table.top_up(shares, salt)
    for group, split in free.items():
        for i in by_group[group]:
            splits[i] = split
    notices = [*table.small_classes(shares, classes), *_topped_up(rows, by_group, moved)]
    if rows and fractions.train > 0 and "train" not in splits:
        raise DataError(
            f"Nothing to train on: all rows are in {' and '.join(sorted(set(map(str, splits))))}.",
            expected="rows of the train split, or without a split",
            fix="add a train folder, or take the splits away with without_splits()",
            code="no_such_split",
        )
    return Assignment(splits=tuple(split or "train" for split in splits), notices=tuple(notices))


def as_warning(notice: Finding) -> Finding:
    """Return a notice of `assign_splits` that stops nothing: a `small_class` as a warning.

    There is nothing to allow then.
    """
    if notice.check != "small_class":
        return notice
    return replace(notice, severity="warning", fix=_MORE_IMAGES)


def _what_is_fixed(
    rows: Sequence[Row], fractions: Fractions
) -> tuple[list[str | None], dict[str, float]]:
    present = {row.split for row in rows}
    if None in present or not present:
        return [row.split for row in rows], fractions.of(SPLITS)
    missing = [name for name in SPLITS if name not in present and getattr(fractions, name) > 0]
    if "train" not in present or not missing:
        return [row.split for row in rows], {}
    shares = fractions.of(["train", *missing])
    return [None if row.split == "train" else row.split for row in rows], shares


def _unit(*words: object) -> float:
    text = "\0".join(map(str, words)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") / 2**64


def _by_hash(group: str, shares: Mapping[str, float], salt: str) -> str:
    # Test first, train last: a larger train share then leaves the test set as it was.
    place = _unit(salt, group)
    names = [name for name in reversed(SPLITS) if name in shares]
    for name in names[:-1]:
        if place < shares[name]:
            return name
        place -= shares[name]
    return names[-1]


class _ClassTable:
    """How many groups of each class each split holds, while groups are moved to fill gaps."""

    def __init__(
        self,
        rows: Sequence[Row],
        splits: Sequence[str | None],
        by_group: Mapping[str, Sequence[int]],
        free: dict[str, str],
    ) -> None:
        self._free = free
        self._labels = {
            group: {label for i in members for label in rows[i].labels}
            for group, members in by_group.items()
        }
        self._images = Counter(label for row in rows for label in row.labels)
        self._of_class: dict[str, list[str]] = defaultdict(list)
        self._count: Counter[tuple[str, str]] = Counter()
        for group, labels in self._labels.items():
            held = {free[group]} if group in free else {splits[i] for i in by_group[group]}
            for label in labels:
                self._of_class[label].append(group)
                self._count.update((label, split) for split in held if split)

    def top_up(self, shares: Mapping[str, float], salt: str) -> list[str]:
        """Move one group into each split that lacks a class, where it can be spared."""
        moved = []
        for label in sorted(self._of_class):
            for split in _TOP_UP_ORDER:
                if split not in shares or self._count[label, split]:
                    continue
                donors = [g for g in self._of_class[label] if self._can_spare(g, split)]
                if donors:
                    chosen = min(donors, key=lambda group: _unit(salt, split, group))
                    self._move(chosen, split)
                    moved.append(chosen)
        return moved

    def small_classes(self, shares: Mapping[str, float], classes: Sequence[str]) -> list[Finding]:
        """Return an error for each class that has fewer groups than there are splits."""
        return [
            Finding(
                check="small_class",
                severity="error",
                message=f"Class {label!r} has {counted(self._images[label], 'image')} in "
                f"{counted(len(self._of_class[label]), 'group')}, for {len(shares)} splits.",
                fix=f"{_MORE_IMAGES}, or go on without it in some split: `--allow small_class`",
            )
            for label in sorted({*self._of_class, *classes})
            if any(not self._count[label, split] for split in shares)
        ]

    def _can_spare(self, group: str, split: str) -> bool:
        if group not in self._free:
            return False
        # What cannot be trained on is of no use in another split: train may take the last one.
        needed = 1 if split == "train" else 2
        return all(self._count[label, self._free[group]] >= needed for label in self._labels[group])

    def _move(self, group: str, split: str) -> None:
        for label in self._labels[group]:
            self._count[label, self._free[group]] -= 1
            self._count[label, split] += 1
        self._free[group] = split


def _topped_up(
    rows: Sequence[Row], by_group: Mapping[str, Sequence[int]], moved: Iterable[str]
) -> list[Finding]:
    names = tuple(rows[i].name for group in moved for i in by_group[group])
    if not names:
        return []
    return [
        Finding(
            check="topped_up",
            severity="info",
            message=f"{counted(len(names), 'image')} moved so that every class is in every split; "
            "more images of these classes may move them back.",
            paths=names,
        )
    ]

"""The data of a run: every image in a split, and each of validation either choosing or calibrating.

Needs no TensorFlow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress

from sightline.dataset import Content, Dataset, RecordRow, content_groups, record_rows
from sightline.dataset.halves import calibrating
from sightline.training.origin import whole_record


@dataclass(frozen=True, kw_only=True)
class Learnable:
    """A dataset with its contents, every row in a split.

    Attributes:
        dataset: All rows: train, validation and, if there are, test.
        contents: Aligned with them.
        earlier: The record of the bundle that training continues from.
    """

    dataset: Dataset
    contents: tuple[Content, ...]
    earlier: tuple[RecordRow, ...] = ()

    def part(
        self, split: str, *, calibrates: bool | None = None
    ) -> tuple[Dataset, tuple[Content, ...]]:
        """Return the rows of a split and their contents, aligned.

        Args:
            split: Its name.
            calibrates: Of validation: only those that do, or only those that choose.
        """
        which = [
            row.split == split and calibrates in (None, own)
            for row, own in zip(self.dataset.rows, self.calibrates, strict=True)
        ]
        rows = tuple(compress(self.dataset.rows, which))
        return replace(self.dataset, rows=rows), tuple(compress(self.contents, which))

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """For each row what it hangs together with: a named group, copies, near duplicates."""
        return content_groups(self.contents, [row.group for row in self.dataset.rows]).keys

    @cached_property
    def calibrates(self) -> tuple[bool, ...]:
        """For each row, whether it calibrates: half of the validation images, if there are many."""
        keys = self.groups
        places = [i for i, row in enumerate(self.dataset.rows) if row.split == "validation"]
        rows, groups = [self.dataset.rows[i] for i in places], [keys[i] for i in places]
        roles = {row.digest: row.calibrates for row in self.earlier if row.split == "validation"}
        trained = {
            key for row, key in zip(self.dataset.rows, keys, strict=True) if row.split == "train"
        }
        # A near copy of a training image speaks too well of the model, as one that chose it does.
        earlier = [
            False if keys[i] in trained else roles.get(self.contents[i].digest) for i in places
        ]
        chosen = set(compress(places, calibrating(rows, groups, earlier=earlier)))
        return tuple(i in chosen for i in range(len(self.dataset.rows)))

    def record(self) -> list[RecordRow]:
        """Return what the bundle keeps of the data."""
        rows = record_rows(self.dataset, self.contents)
        marked = [
            row._replace(calibrates=own) for row, own in zip(rows, self.calibrates, strict=True)
        ]
        return whole_record(marked, self.earlier)

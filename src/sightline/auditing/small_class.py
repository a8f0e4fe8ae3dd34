"""A class with fewer independent images than train, validation and test need one each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sightline.auditing.check import Check, Evidence
from sightline.dataset import SPLITS, Finding
from sightline.dataset.records import counted


def find_small_classes(evidence: Evidence) -> Iterator[Finding]:
    """Yield a warning for each class that cannot be in all three splits.

    Only a warning: whether three are wanted is known to `Dataset.split`, which refuses.
    """
    if evidence.dataset.has_splits:
        return
    groups: dict[str, set[str]] = defaultdict(set)
    for (row, content), key in zip(evidence.pairs, evidence.groups.keys, strict=True):
        for label in row.labels if content.ok else ():
            groups[label].add(key)
    for name, count in evidence.dataset.class_counts().items():
        if len(groups[name]) < len(SPLITS):
            yield Finding(
                check=SMALL_CLASS.name,
                severity="warning",
                message=f"Class {name!r} has {counted(count, 'image')} in "
                f"{counted(len(groups[name]), 'group')}: too few for {len(SPLITS)} splits.",
                fix="add images of it, or leave the class out",
            )


SMALL_CLASS = Check(
    name="small_class",
    title="a class with fewer images than splits",
    find=find_small_classes,
)

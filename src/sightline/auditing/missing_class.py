"""A class that a split lacks: it cannot be learned there, or not be measured."""

from __future__ import annotations

from collections.abc import Iterator

from sightline.auditing.check import Check, Evidence
from sightline.dataset import Finding


def find_missing_classes(evidence: Evidence) -> Iterator[Finding]:
    """Yield a finding for each split and class without images: an error for train.

    A class with images that no split has yet may still come into any of them.
    """
    dataset = evidence.dataset
    undecided = {label for row in dataset.rows if row.split is None for label in row.labels}
    for split in dataset.split_counts:
        for name, count in dataset.part(split).class_counts().items():
            if count == 0 and name not in undecided:
                learned = split == "train"
                yield Finding(
                    check=MISSING_CLASS.name,
                    severity="error" if learned else "warning",
                    message=f"Class {name!r} has no image in {split}: it cannot be "
                    f"{'learned' if learned else 'measured there'}.",
                    fix="add images of the class, or split the data anew",
                )


MISSING_CLASS = Check(
    name="missing_class",
    title="a class that a split lacks",
    find=find_missing_classes,
)

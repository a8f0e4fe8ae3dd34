"""Classes of very different size: a model that never answers with the small one looks good."""

from __future__ import annotations

from collections.abc import Iterator

from sightline.auditing.check import Check, Evidence
from sightline.dataset import Finding
from sightline.dataset.records import counted

_MOST_RATIO = 10


def find_imbalance(evidence: Evidence) -> Iterator[Finding]:
    """Yield a warning if the largest class has more than ten times the images of the smallest.

    Classes without images are `missing_class` or `empty_class`, and not counted here.
    """
    counts = {name: count for name, count in evidence.dataset.class_counts().items() if count}
    if not counts:
        return
    least, most = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
    if counts[most] > _MOST_RATIO * counts[least]:
        yield Finding(
            check=IMBALANCE.name,
            severity="warning",
            message=f"Class {most!r} has {counted(counts[most], 'image')}, "
            f"{least!r} only {counts[least]:,}.",
            fix="add images of the small classes, or train with --class-weight balanced; judge by "
            "balanced accuracy and each class's recall",
        )


IMBALANCE = Check(
    name="imbalance",
    title="classes of very different size",
    find=find_imbalance,
)

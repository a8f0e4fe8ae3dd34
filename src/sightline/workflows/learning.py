"""The images on a model's record, each in its split there: what compression learns from.

Known by content, so that the test images stay sealed and no image that chose the model comes to
calibrate what is made from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sightline.dataset import SPLITS, Content, Dataset
from sightline.dataset.record import splits_on_record
from sightline.errors import DataError
from sightline.files import printable
from sightline.models.bundle import Bundle
from sightline.training.learnable import Learnable


def on_record(
    bundle: Bundle,
    dataset: Dataset,
    contents: Sequence[Content],
    *,
    needed: Sequence[str] = SPLITS,
) -> Learnable:
    """Return the images that the bundle's record has; others are left out.

    Copies stay as often as they are on record.

    Args:
        bundle: The model.
        dataset: The images given now.
        contents: Theirs.
        needed: The parts that must be among them.

    Raises:
        DataError: Such a part is not among them, or a label is none of the model's classes.
    """
    record = bundle.record()
    known = splits_on_record(record)
    left = Counter(row.digest for row in record)
    rows, kept = [], []
    for row, content in zip(dataset.rows, contents, strict=True):
        if left[content.digest] > 0:
            left[content.digest] -= 1
            rows.append(replace(row, split=known.get(content.digest)))
            kept.append(content)
    unknown = sorted({label for row in rows for label in row.labels} - {*bundle.classes})
    if unknown:
        raise DataError(
            f"The model does not know the classes {', '.join(map(printable, unknown))}.",
            expected=f"labels among {', '.join(map(printable, bundle.classes))}",
            fix="give the folder that the model was trained from",
            code="unknown_class",
        )
    missing = [name for name in needed if all(row.split != name for row in rows)]
    if missing:
        raise DataError(
            f"None of the images given are {' or '.join(missing)} images of this model.",
            expected="the images that the model was trained from, known by content",
            fix="give the folder that the model was trained from",
            code="nothing_on_record",
        )
    chosen = replace(dataset, rows=tuple(rows), classes=bundle.classes)
    return Learnable(dataset=chosen, contents=tuple(kept), earlier=record)

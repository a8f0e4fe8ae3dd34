"""`export`: a bundle becomes a file for another runtime, proven on the images that it held out.

The proof is made on validation images, known by content: the test images stay sealed, and what was
trained on would agree too easily.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np

from sightline.dataset import Content, Dataset, Row
from sightline.dataset.record import splits_on_record
from sightline.errors import ConfigError, DataError
from sightline.evaluation import Comparison, Groups, compare
from sightline.exporting import Export, ExportFormat, Precision, Samples, export_bundle
from sightline.images import Preprocessing, load
from sightline.inference import LiteRTRunner, predictions_of
from sightline.models.bundle import Bundle

MOST_COMPARED = 1000
"""Validation images that the proof is made on, evenly from all of them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Images:
    """Images on record that an export is made and proven with.

    Attributes:
        rows: Validation images.
        pixels: Theirs, uint8 (n, height, width, channels).
        samples: Training images.
    """

    rows: tuple[Row, ...]
    pixels: np.ndarray
    samples: tuple[Row, ...]


@dataclass(frozen=True, kw_only=True)
class Exported:
    """An export and what is known of it.

    Attributes:
        export: Ready to be written, proven unless that was waived.
        comparison: Of the answers to the validation images; `None` where none were given.
        source_bytes: Size of the bundle's twin.
    """

    export: Export
    comparison: Comparison | None
    source_bytes: int


def find_images(
    bundle: Bundle, dataset: Dataset, contents: Sequence[Content], precision: Precision
) -> Images:
    """Return the images that the bundle's record has, as far as they are needed.

    Raises:
        DataError: No validation image is among them, or no training image where one is needed.
    """
    known = splits_on_record(bundle.record())
    parts = [known.get(content.digest) for content in contents]

    def some(split: str, most: int) -> list[Row]:
        rows = list(compress(dataset.rows, (part == split for part in parts)))
        places = np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int)
        return [rows[place] for place in places]

    chosen, samples = some("validation", MOST_COMPARED), some("train", precision.samples)
    for found, name in ((chosen, "validation"), (samples or not precision.samples, "train")):
        if not found:
            raise DataError(
                f"None of the images given are {name} images of this model.",
                expected="the images that the model was trained from, known by content",
                fix="give the folder that the model was trained from",
                code="nothing_to_verify",
            )
    pixels = np.stack([load(row.source, bundle.preprocessing).pixels for row in chosen])
    return Images(rows=tuple(chosen), pixels=pixels, samples=tuple(samples))


def export(
    bundle: Bundle, form: ExportFormat, precision: Precision, images: Images | None
) -> Exported:
    """Convert, run, compare.

    Args:
        bundle: The model.
        form: What to convert it to.
        precision: One of the format's.
        images: Of `find_images`; `None` waives the proof.

    Raises:
        ConfigError: The precision needs images, and there are none.
        CheckFailedError: The export disagrees with its source.
        ModelError, MissingPackageError: As `exporting.export_bundle`.
    """
    if images is None and precision.samples:
        raise ConfigError(
            f"{precision.name} needs training images, to see which values occur.",
            expected="the data that the model was trained from",
            fix="name it after the model: sightline export MODEL DATA",
            code="no_samples",
        )
    made = export_bundle(
        bundle,
        form,
        precision,
        pixels=None if images is None else images.pixels,
        samples=None if images is None else _samples(images.samples, bundle.preprocessing),
    )
    comparison = None if images is None else _compared(bundle, made, images)
    return Exported(export=made, comparison=comparison, source_bytes=len(bundle.twin()))


def _samples(rows: Sequence[Row], preprocessing: Preprocessing) -> Samples:
    return lambda: (load(row.source, preprocessing).pixels for row in rows)


def _compared(bundle: Bundle, made: Export, images: Images) -> Comparison | None:
    if made.answers is None:
        return None
    names = [row.name for row in images.rows]
    groups: Groups = [row.group for row in images.rows]
    expected, given = made.answers
    before = predictions_of(LiteRTRunner(bundle), names, expected)
    after = predictions_of(made.runner, names, given)
    return compare(before, after, [row.labels for row in images.rows], groups=groups)

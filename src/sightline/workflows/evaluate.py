"""`evaluate`: is it right? A bundle and labelled images give figures with intervals.

The split comes from the bundle's own record of images, by content and not by name, so that
a moved or renamed file stays in its split, and an image that was trained on cannot be
counted as a test image.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

from sightline.dataset import Content, Dataset, RecordRow, Row
from sightline.dataset.record import splits_on_record
from sightline.errors import ConfigError, DataError, unknown_name
from sightline.evaluation import Evaluation, Groups, evaluate
from sightline.files import printable
from sightline.inference import Runner, predict
from sightline.predictions import Predictions

PARTS = ("test", "validation", "new")


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which of the given images are judged, and what became of the others.

    Attributes:
        on: `"test"`, `"validation"` or `"new"`.
        rows: The images to judge.
        seen: How many of the given images were trained on; they are left out.
        new: How many are not on record; judged only with `on="new"`.
        other: How many belong to the other held-out part.
        copies: How many are further copies of images that are judged, beyond those on record.
        missing: Names on record for this part that were not given.
        relabelled: Names whose label differs from the one on record.
        contents: Of the images to judge, aligned with `rows`; empty where they are not known.
        calibrated: How many of the images to judge calibrated the model.
    """

    on: str
    rows: tuple[Row, ...]
    seen: int
    new: int
    other: int
    missing: tuple[str, ...]
    relabelled: tuple[str, ...]
    contents: tuple[Content, ...] = ()
    calibrated: int = 0
    copies: int = 0

    @property
    def digests(self) -> tuple[str, ...]:
        """The digest of each image to judge."""
        return tuple(content.digest for content in self.contents)

    @property
    def groups(self) -> Groups:
        """What each image to judge belongs to; None for one of its own."""
        return tuple(row.group for row in self.rows)

    def to_json(self) -> dict[str, Any]:
        """Return the counts and names as JSON."""
        return {
            "part": self.on,
            "judged": len(self.rows),
            "calibrated": self.calibrated,
            "copies": self.copies,
            "seen": self.seen,
            "new": self.new,
            "other": self.other,
            "missing": [printable(name) for name in self.missing],
            "relabelled": [printable(name) for name in self.relabelled],
        }


@dataclass(frozen=True, kw_only=True)
class Judged:
    """An evaluation and what it was made of.

    Attributes:
        evaluation: The figures.
        selection: Which images were judged.
        predictions: The answers, in the order of `selection.rows`.
        labels: The right answers.
    """

    evaluation: Evaluation
    selection: Selection
    predictions: Predictions
    labels: tuple[tuple[str, ...], ...]


def select(
    dataset: Dataset, contents: Sequence[Content], record: Sequence[RecordRow], *, on: str
) -> Selection:
    """Return the images of the part `on`, found by content.

    Args:
        dataset: The images given now.
        contents: Their content, aligned with `dataset.rows`.
        record: The images the model was made with.
        on: `"test"`, `"validation"` or `"new"` (not on record).

    Raises:
        ConfigError: `on` is unknown, or `"train"`: a figure on images that were trained on
            says nothing.
        DataError: No image is left to judge.
    """
    if on == "train":
        raise ConfigError(
            "The images that were trained on cannot be judged on.",
            expected=f"one of {', '.join(PARTS)}",
            fix="use --on test",
            code="trained_on",
        )
    if on not in PARTS:
        raise unknown_name("part", on, PARTS)
    known, labels = splits_on_record(record), {entry.digest: entry.labels for entry in record}
    parts = [known.get(content.digest, "new") for content in contents]
    belonging = [part == on for part in parts]
    which = once(dataset, contents, belonging, [record])
    rows = tuple(compress(dataset.rows, which))
    selection = Selection(
        on=on,
        rows=rows,
        seen=parts.count("train"),
        new=parts.count("new"),
        other=sum(part not in (on, "train", "new") for part in parts),
        missing=_missing(contents, record, on),
        relabelled=tuple(
            row.name
            for row, content in zip(dataset.rows, contents, strict=True)
            if set(labels.get(content.digest, row.labels)) != set(row.labels)
        ),
        contents=tuple(compress(contents, which)),
        calibrated=len(
            {content.digest for content in compress(contents, which)}
            & {entry.digest for entry in record if entry.calibrates}
        ),
        copies=sum(belonging) - sum(which),
    )
    if not rows:
        raise _nothing_left(selection, on)
    return selection


def evaluate_images(
    runner: Runner,
    selection: Selection,
    *,
    prevalence: Mapping[str, float] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Judged:
    """Predict the selected images and judge the answers.

    Args:
        runner: The model.
        selection: The images.
        prevalence: The share of classes in use, where it is another one.
        progress: Told (done, total).

    Raises:
        DataError: A label is not one of the model's classes.
    """
    check_labels(runner, selection)
    predictions = predict(runner, [row.source for row in selection.rows], progress=progress)
    labels = tuple(row.labels for row in selection.rows)
    return Judged(
        evaluation=evaluate(predictions, labels, groups=selection.groups, prevalence=prevalence),
        selection=selection,
        predictions=predictions,
        labels=labels,
    )


def check_labels(runner: Runner, selection: Selection) -> None:
    """Refuse images with a label that the model does not know.

    Raises:
        DataError: A label is not one of the model's classes.
    """
    unknown = sorted({label for row in selection.rows for label in row.labels} - {*runner.classes})
    if unknown:
        raise DataError(
            f"The model does not know the classes {', '.join(map(printable, unknown))}.",
            expected=f"labels among {', '.join(map(printable, runner.classes))}",
            fix="leave those folders out, or train with them: sightline train DATA --from MODEL",
            code="unknown_class",
        )


def once(
    dataset: Dataset,
    contents: Sequence[Content],
    which: Sequence[bool],
    records: Sequence[Sequence[RecordRow]],
) -> list[bool]:
    """Return which images to judge so that none counts more often than it does on record.

    Of copies, those whose names are on record come first. Images that are on no record stay.

    Args:
        dataset: The images given now.
        contents: Aligned with its rows.
        which: Those that belong to the part.
        records: Of the models that are judged.
    """
    counts = [Counter(entry.digest for entry in record) for record in records]
    names = {entry.name for record in records for entry in record}
    taken: Counter[str] = Counter()
    chosen = [False] * len(which)
    rows = [row for row, belongs in enumerate(which) if belongs]
    for row in sorted(rows, key=lambda row: dataset.rows[row].name not in names):
        digest = contents[row].digest
        most = min(count[digest] for count in counts)
        if most == 0 or taken[digest] < most:
            taken[digest] += 1
            chosen[row] = True
    return chosen


def _missing(contents: Sequence[Content], record: Sequence[RecordRow], on: str) -> tuple[str, ...]:
    given = {content.digest for content in contents}
    return tuple(entry.name for entry in record if entry.split == on and entry.digest not in given)


def _nothing_left(selection: Selection, on: str) -> DataError:
    counts = f"{selection.seen} were trained on, {selection.new} are new, {selection.other} other"
    fix = "use --on new to judge the new ones" if selection.new and on != "new" else ""
    return DataError(
        f"None of the images given belong to {on!r} ({counts}).",
        expected=f"images of the part {on!r}, as the model's record has them",
        fix=fix or "give the folder that the model was trained from",
        code="nothing_to_judge",
    )

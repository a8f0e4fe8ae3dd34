"""Training that goes on from one's own bundle: what it takes over, and what it must not forget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sightline.dataset import Content, Dataset, Finding, RecordRow
from sightline.dataset.record import splits_on_record
from sightline.dataset.records import counted
from sightline.errors import ConfigError, DataError
from sightline.models.bundle import Bundle
from sightline.training.recipe import Options


def continue_options(options: Options, origin: Path, bundle: Bundle) -> Options:
    """Take from the bundle what the options leave open.

    Raises:
        ConfigError: The options name other weights to start from, or other channels.
    """
    architecture, preprocessing = bundle.architecture, bundle.preprocessing
    if options.weights not in (Options().weights, str(origin)):
        raise ConfigError(
            f"The weights are to be {options.weights!r} and those of {origin}.",
            expected="one of them",
            fix="leave out --weights, or --from",
            code="two_sources",
        )
    if options.channels not in (None, architecture.channels):
        raise ConfigError(
            f"channels is {options.channels}; {origin} was trained with {architecture.channels}.",
            expected="the channels of the model to continue from",
            fix="leave out --channels",
        )
    return replace(
        options,
        weights=str(origin),
        backbone=options.backbone or architecture.backbone,
        backbone_options=options.backbone_options or architecture.options,
        image_size=options.image_size or (architecture.height, architecture.width),
        channels=architecture.channels,
        tta=options.tta or architecture.tta,
        fit=options.fit or preprocessing.fit,
    )


def keep_splits(
    dataset: Dataset, contents: Sequence[Content], record: Sequence[RecordRow]
) -> tuple[Dataset, tuple[Finding, ...]]:
    """Keep each image in the split it had, whatever the data say now.

    Args:
        dataset: The images.
        contents: Aligned with its rows.
        record: Of the bundle to continue from.

    Returns:
        The dataset, and a finding on the images whose split is another than the data say.
    """
    known = splits_on_record(record)
    splits = {
        row.name: known[content.digest]
        for row, content in zip(dataset.rows, contents, strict=True)
        if content.digest in known
    }
    moved = tuple(
        r.name for r in dataset.rows if r.split and r.split != splits.get(r.name, r.split)
    )
    kept = dataset.with_splits(splits)
    if not moved:
        return kept, ()
    message = f"{counted(len(moved), 'image')} kept in the split that the earlier training had."
    finding = Finding(check="earlier_split", severity="info", message=message, paths=moved)
    return kept, (finding,)


def refuse_seen(dataset: Dataset, contents: Sequence[Content], record: Sequence[RecordRow]) -> None:
    """Refuse a split that would choose or judge by images the origin was trained on.

    Raises:
        DataError: An image of the earlier training split is in another one now.
    """
    known = splits_on_record(record)
    seen = [
        row.name
        for row, content in zip(dataset.rows, contents, strict=True)
        if row.split != "train" and known.get(content.digest) == "train"
    ]
    if seen:
        raise DataError(
            f"{counted(len(seen), 'image')} would measure the model although it was trained on "
            "them before.",
            expected="new images for validation and test, or those of the earlier training",
            fix="add the images that the earlier training held out, or new ones",
            code="trained_on",
            details={"paths": seen},
        )


def whole_record(rows: Sequence[RecordRow], earlier: Sequence[RecordRow]) -> list[RecordRow]:
    """Return the images used now and those that the origin learned from or chose by.

    The weights descend from them, also where they are not given any more.
    """
    now = {row.digest for row in rows}
    kept = (row for row in earlier if row.split in ("train", "validation"))
    return [*rows, *(row for row in kept if row.digest not in now)]

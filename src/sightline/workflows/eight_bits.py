"""A model trained for 8 bits for the sake of its exports (`export --quantize auto`).

It learns from the training images on the model's record, as `compress --method int8` does, and is a
model of its own. No test image is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from sightline.compression.options import QuantizationOptions
from sightline.compression.quantization_aware import train_for_int8
from sightline.dataset import Content, Dataset
from sightline.models.bundle import Bundle
from sightline.training.loop import Watcher
from sightline.training.session import calibration_json, in_folder
from sightline.training.signals import StopRequest
from sightline.workflows.compress import as_wished, compression_json
from sightline.workflows.finishing import judge_part
from sightline.workflows.learning import on_record

EPOCHS = 1
"""The network is trained already; an epoch teaches it the rounding."""


def trained_for_8_bits(
    bundle: Bundle, dataset: Dataset, contents: Sequence[Content], watcher: Watcher
) -> Bundle:
    """Return the bundle after an epoch of quantisation-aware training.

    Args:
        bundle: In float.
        dataset: What it was trained from.
        contents: Of its rows.
        watcher: Who is told how it goes.

    Raises:
        DataError: The images are not those of the model's record.
        SightlineError: As `compression.quantization_aware.train_for_int8`.
    """
    options = QuantizationOptions(epochs=EPOCHS)
    data = on_record(bundle, dataset, contents, needed=("train", "validation"))
    with TemporaryDirectory(prefix="sightline-") as folder:
        session = in_folder(Path(folder), watcher, StopRequest())
        made = train_for_int8(bundle, data, session, options)
        made = as_wished(made, bundle.rules, watcher)
        validation = judge_part(made.runner, data, "validation", session)
    metrics = {
        **made.bundle.metrics,
        "validation": validation.evaluation.to_json(),
        "calibration": calibration_json(made, None),
    }
    recipe = {**made.bundle.recipe, "compression": compression_json("int8", options, bundle)}
    return replace(made.bundle, metrics=metrics, recipe=recipe)

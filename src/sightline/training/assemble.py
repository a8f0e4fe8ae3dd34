"""From a trained model to a bundle: the twin is made, compared, and only then packed."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import distributions
from typing import Any

import keras
import numpy as np

from sightline import __version__
from sightline.conversion import to_litert
from sightline.dataset import RecordRow
from sightline.images import decoder_version
from sightline.inference import LiteRTRunner
from sightline.inference.keras import KerasRunner
from sightline.machine import threads
from sightline.models.bundle import GOLDEN_TENSORS, HELD_OUT, RECORD, TWIN, WEIGHTS, Bundle
from sightline.models.members import pack_held_out, pack_record, pack_weights
from sightline.models.rules import HeldOut, Rules, familiar_rules
from sightline.models.weights import named_weights
from sightline.training.recipe import Recipe
from sightline.training.trainer import Trained
from sightline.verification import Verification, compare_runners, make_golden, require_agreement

_PACKAGES = ("tensorflow-cpu", "tensorflow", "keras", "numpy", "pillow", "ai-edge-litert")


@dataclass(frozen=True, kw_only=True)
class Made:
    """A bundle and the proof of its twin.

    Attributes:
        bundle: Ready to be written.
        runner: Runs its twin.
        verification: How the twin compares with the Keras model.
    """

    bundle: Bundle
    runner: LiteRTRunner
    verification: Verification


def make_bundle(
    trained: Trained,
    recipe: Recipe,
    *,
    source: KerasRunner,
    record: Sequence[RecordRow],
    pixels: np.ndarray,
) -> Made:
    """Convert the model, prove the twin on real images, and pack everything.

    Args:
        trained: The model.
        recipe: How it was made.
        source: Runs the model.
        record: The images that were used.
        pixels: Real images to compare on, uint8 (n, height, width, channels).

    Raises:
        CheckFailedError: The twin disagrees with the model.
        ModelError: The model cannot be converted.
    """
    architecture = recipe.architecture
    graph = to_litert(trained.model)
    members = {WEIGHTS: pack_weights(named_weights(trained.model)), TWIN: graph.content}
    bundle = Bundle(
        classes=source.classes,
        task=architecture.task,
        preprocessing=recipe.preprocessing,
        architecture=architecture,
        rules=Rules(thresholds=_thresholds(recipe)),
        recipe=recipe.to_json(),
        environment=environment(),
        twin_outputs=graph.outputs,
        members=members,
    )
    runner = LiteRTRunner(bundle)
    verification = compare_runners(source, runner, pixels)
    require_agreement(verification, name="The LiteRT twin")
    golden = make_golden(runner)
    members |= {RECORD: pack_record(record), GOLDEN_TENSORS: golden.tensors, **golden.files}
    return Made(bundle=bundle, runner=runner, verification=verification)


def keras_runner(model: keras.Model, recipe: Recipe, classes: Sequence[str]) -> KerasRunner:
    """Return what runs a model that `recipe` made."""
    return KerasRunner(
        model,
        classes=tuple(classes),
        task=recipe.architecture.task,
        preprocessing=recipe.preprocessing,
    )


def with_rules(made: Made, held_out: HeldOut | None) -> Made:
    """Return the bundle with what its rules were chosen on, and the rules that nobody must ask for.

    Args:
        made: The bundle.
        held_out: What it says of the images that calibrate; `None` where there are none.
    """
    if held_out is None:
        return made
    rules = familiar_rules(made.bundle.rules, held_out)
    members = {**made.bundle.members, HELD_OUT: pack_held_out(held_out)}
    bundle = replace(made.bundle, rules=rules, members=members)
    return replace(made, bundle=bundle, runner=LiteRTRunner(bundle))


def environment() -> dict[str, Any]:
    """Return what the figures of a run depend on besides data and recipe."""
    return {
        "sightline": __version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
        "cores": threads(),
        "decoder": decoder_version(),
        "packages": {
            found.metadata["Name"]: found.version
            for name in _PACKAGES
            for found in distributions(name=name)
        },
    }


def _thresholds(recipe: Recipe) -> tuple[float, ...]:
    architecture = recipe.architecture
    return (0.5,) * architecture.classes if architecture.task == "multi_label" else ()

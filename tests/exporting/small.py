"""Small bundles of every kind that an export must work for, made without training."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import keras
import numpy as np

from sightline.conversion import to_litert
from sightline.images import Preprocessing
from sightline.inference import LiteRTRunner
from sightline.models import Architecture
from sightline.models.build import build
from sightline.models.bundle import GOLDEN_TENSORS, HELD_OUT, TWIN, WEIGHTS, Bundle
from sightline.models.familiarity import Familiarity
from sightline.models.members import pack_held_out, pack_weights
from sightline.models.rules import HeldOut, Rules
from sightline.models.weights import named_weights
from sightline.verification import make_golden

_SMALL = {"stem_width": 8, "widths": [8, 16]}

ARCHITECTURES: Mapping[str, Architecture] = {
    "three classes": Architecture(
        backbone="small_cnn", classes=3, height=20, width=24, options=_SMALL
    ),
    "two classes, grey": Architecture(
        backbone="small_cnn", classes=2, height=16, width=16, channels=1, options=_SMALL
    ),
    "labels": Architecture(
        backbone="small_cnn", classes=3, task="multi_label", height=16, width=16, options=_SMALL
    ),
    "mirrored": Architecture(
        backbone="small_cnn", classes=3, height=16, width=20, tta="flip", options=_SMALL
    ),
    "dense": Architecture(
        backbone="tutorial_cnn",
        classes=3,
        height=16,
        width=20,
        options={"filters": [4, 8], "dense_units": 8},
    ),
}


def randomise(model: keras.Model, seed: int = 0) -> keras.Model:
    """Give every weight a value of its own, so that nothing folds away by being zero or one."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        for variable in layer.weights:
            positive = variable.name in ("moving_variance", "gamma", "temperature")
            low, high = (0.5, 1.5) if positive else (-0.4, 0.4)
            if "seed" not in variable.name:
                variable.assign(rng.uniform(low, high, variable.shape).astype(np.float32))
    return model


def small_bundle(name: str, change: Callable[[keras.Model], None] | None = None) -> Bundle:
    """Return a bundle of one of `ARCHITECTURES`, with a network that was changed at the end."""
    architecture = ARCHITECTURES[name]
    model = randomise(build(architecture))
    _spread(model, architecture)
    if change is not None:
        change(model)
    graph = to_litert(model)
    labels = architecture.task == "multi_label"
    members = {WEIGHTS: pack_weights(named_weights(model)), TWIN: graph.content}
    bundle = Bundle(
        classes=("a", "b", "c")[: architecture.classes],
        task=architecture.task,
        preprocessing=Preprocessing(
            height=architecture.height,
            width=architecture.width,
            channels=architecture.channels,
            fit="pad",
        ),
        architecture=architecture,
        rules=Rules(thresholds=(0.5,) * architecture.classes if labels else (), unlike_above=0.9),
        twin_outputs=graph.outputs,
        members=members,
    )
    runner = LiteRTRunner(bundle)
    golden = make_golden(runner)
    pixels = pictures(bundle, 30, seed=1)
    given = runner.run(pixels)
    assert given.embedding is not None
    held_out = HeldOut(
        logits=given.logits,
        truth=np.eye(architecture.classes, dtype=bool)[given.logits.argmax(axis=1)],
        distances=np.zeros(30, np.float32),
        familiarity=Familiarity.of(given.embedding),
    )
    members |= {GOLDEN_TENSORS: golden.tensors, **golden.files, HELD_OUT: pack_held_out(held_out)}
    return bundle


def _spread(model: keras.Model, architecture: Architecture) -> None:
    """Let different pictures have different answers: logits around zero, some units wide."""
    embedding = np.array(model(_pictures(architecture, 40, seed=2))["embedding"])
    layer = model.get_layer("logits")
    kernel = np.array(layer.kernel)
    raw = embedding @ kernel
    scale = 2 / raw.std(axis=0)
    layer.kernel.assign(kernel * scale)
    layer.bias.assign(-raw.mean(axis=0) * scale)


def pictures(bundle: Bundle, count: int, seed: int = 0) -> np.ndarray:
    return _pictures(bundle.architecture, count, seed)


def _pictures(wanted: Architecture, count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    # Noise around a colour: noise alone looks all the same to a network that averages.
    colours = rng.integers(0, 256, (count, 1, 1, wanted.channels))
    noise = rng.normal(0, 40, (count, wanted.height, wanted.width, wanted.channels))
    return np.clip(colours + noise, 0, 255).astype(np.uint8)

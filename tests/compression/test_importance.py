"""The first-order change of the loss, against a loss that is really computed."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from sightline.compression import importance
from sightline.compression.importance import channel_importance
from sightline.compression.layout import Channels
from sightline.dataset import Dataset
from sightline.images import Preprocessing
from sightline.models import Architecture
from sightline.models.build import build
from sightline.models.weights import assign_weights, named_weights
from sightline.training.parts import Part

ARCHITECTURE = Architecture(
    backbone="tutorial_cnn",
    classes=2,
    height=12,
    width=12,
    # Smooth: at a kink there is no slope.
    options={
        "filters": [4, 6],
        "dense_units": 8,
        "dropout": 0.0,
        "activation": "gelu",
        "pooling": "average",
    },
)


def images() -> Part:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 12, 12, 3), dtype=np.uint8)
    dataset = Dataset.from_arrays(pixels, ["a", "b"] * 12)
    preprocessing = Preprocessing(height=12, width=12)
    return Part.of(dataset, dataset.contents(), classes=("a", "b"), preprocessing=preprocessing)


def loss(model: keras.Model, part: Part, rows: range) -> float:
    logits = model(part.decode(np.array(rows)))["logits"].numpy().astype(np.float64)
    right = (logits * part.targets[list(rows)]).sum(axis=1)
    return float((np.log(np.exp(logits).sum(axis=1)) - right).mean())


def test_it_is_the_slope_of_the_loss_as_a_channel_fades(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importance, "_BATCH", 12)
    keras.utils.set_random_seed(3)
    model, part = build(ARCHITECTURE), images()
    channels = Channels.of(model)
    found = channel_importance(
        model, channels, part, task="multi_class", progress=lambda done, total: None
    )
    space = next(p.writes.spaces[0] for p in channels.places if p.layer.name == "conv_1")
    weights = named_weights(model)
    step = 1e-2
    for channel in range(4):
        squares = 0.0
        for rows in (range(12), range(12, 24)):
            sides = []
            for sign in (1, -1):
                faded = {name: value.copy() for name, value in weights.items()}
                faded["conv_2/kernel"][:, :, channel] *= 1 + sign * step
                assign_weights(model, faded)
                sides.append(loss(model, part, rows))
            squares += ((sides[0] - sides[1]) / (2 * step)) ** 2
        assign_weights(model, weights)
        assert found[space][channel] == pytest.approx(squares, rel=0.02, abs=1e-9)

"""The averages of batch normalisation once channels are gone."""

from __future__ import annotations

import keras
import numpy as np

from sightline.compression.channels import average_anew
from sightline.dataset import Dataset
from sightline.images import Preprocessing
from sightline.models import Architecture
from sightline.models.build import build
from sightline.training.parts import Part


def test_every_batch_counts_the_same() -> None:
    keras.utils.set_random_seed(0)
    model = build(
        Architecture(
            backbone="small_cnn",
            classes=2,
            height=16,
            width=16,
            options={"stem_width": 4, "widths": [8]},
        )
    )
    pixels = np.random.default_rng(0).integers(0, 256, (64, 16, 16, 3), dtype=np.uint8)
    pixels[32:] //= 4  # the second batch is another one
    dataset = Dataset.from_arrays(pixels, ["a", "b"] * 32)
    part = Part.of(
        dataset,
        dataset.contents(),
        classes=("a", "b"),
        preprocessing=Preprocessing(height=16, width=16),
    )
    norm = model.get_layer("stem_norm")
    before = norm.momentum
    told: list[tuple[int, int]] = []
    average_anew(model, part, progress=lambda done, total: told.append((done, total)))
    entering = keras.Model(model.inputs[0], norm.input)
    halves = [entering(pixels[rows]).numpy() for rows in (slice(32), slice(32, 64))]
    mean = np.mean([half.mean(axis=(0, 1, 2)) for half in halves], axis=0)
    variance = np.mean([half.var(axis=(0, 1, 2)) for half in halves], axis=0)
    np.testing.assert_allclose(norm.moving_mean.numpy(), mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(norm.moving_variance.numpy(), variance, rtol=1e-3)
    assert norm.momentum == before and told == [(32, 64), (64, 64)]

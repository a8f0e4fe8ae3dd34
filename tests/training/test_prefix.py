from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sightline.models import Architecture
from sightline.models.build import build
from sightline.models.parts import above, below, waist
from sightline.models.weights import named_weights
from sightline.training.loop import Run, run_loop
from sightline.training.prefix import FrozenPrefix
from sightline.training.signals import StopRequest

from .conftest import Notebook, batches, examples, small_optimisation

WAISTS = [
    ("mobilenet_v2", {"alpha": 0.35}, 8, "block_5_add"),
    ("mobilenet_v2", {"alpha": 0.35}, 4, "block_2_add"),
    ("mobilenet", {"alpha": 0.25}, 8, "conv_dw_4_relu"),
    ("resnet50", {}, 8, "conv3_block4_out"),
    ("efficientnet_b0", {}, 8, "block3b_add"),
    ("vgg16", {}, 8, "block3_pool"),
]


def network(backbone: str, options: dict, side: int = 64):
    return build(
        Architecture(backbone=backbone, classes=3, height=side, width=side, options=options)
    )


@pytest.mark.parametrize(("backbone", "options", "stride", "expected"), WAISTS)
def test_the_waist_is_where_everything_passes_through_the_least(
    backbone: str, options: dict, stride: int, expected: str
) -> None:
    assert waist(network(backbone, options), stride=stride) == expected


def test_the_parts_below_and_above_make_the_whole() -> None:
    model = network("mobilenet_v2", {"alpha": 0.35})
    pixels = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    features = below(model, "block_5_add")(pixels)["features"]
    given, expected = above(model, "block_5_add")(features), model(pixels)
    for name, value in expected.items():
        assert np.array_equal(given[name], value), name


def test_litert_gives_the_frozen_parts_features() -> None:
    model = network("mobilenet_v2", {"alpha": 0.35})
    pixels = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    given = FrozenPrefix(model, "block_5_add")(pixels)
    expected = below(model, "block_5_add")(pixels)["features"].numpy()
    # float32 in another order of operations, over some twenty layers.
    assert np.abs(given - expected).max() < 1e-4 * np.abs(expected).max()


def test_training_above_a_frozen_part_leaves_it_as_it_was() -> None:
    model = build(
        Architecture(
            backbone="tutorial_cnn",
            classes=2,
            height=12,
            width=12,
            options={"filters": [4, 8], "dense_units": 8},
        )
    )
    before = named_weights(model)
    optimisation = small_optimisation(epochs=4)
    layer = waist(model, stride=2)
    assert layer is not None
    prefix = FrozenPrefix(model, layer)
    plain = examples(24, seed=1)
    run = Run(
        model=model,
        trained=above(model, layer),
        task="multi_class",
        optimisation=optimisation,
        training=replace(batches(optimisation), prepare=prefix),
        validation=replace(plain, pixels=prefix(plain.pixels[:])),
        names=["picture"] * 72,
        identity={},
    )
    notebook = Notebook()
    run_loop(run, watcher=notebook, stop=StopRequest())
    assert notebook.rows[-1]["loss"] < notebook.rows[0]["loss"]
    after = named_weights(model)
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    frozen = {layer.name for layer in below(model, layer).layers}
    assert changed
    assert not {name.partition("/")[0] for name in changed} & frozen

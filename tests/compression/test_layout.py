"""Channels that belong together, found in networks whose ties are known."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from sightline.compression.cutting import choose, cut
from sightline.compression.layout import Channels
from sightline.models import Architecture
from sightline.models.build import build
from sightline.models.costs import multiply_adds
from sightline.models.weights import assign_weights, named_weights

NETWORKS = {
    "residual": Architecture(
        backbone="small_resnet",
        classes=3,
        height=32,
        width=32,
        options={"widths": [16, 32], "blocks": 2},
    ),
    "flattened": Architecture(
        backbone="tutorial_cnn", classes=3, height=20, width=20, options={"filters": [8, 16]}
    ),
    "depthwise": Architecture(
        backbone="mobilenet_v2", classes=3, height=32, width=32, options={"alpha": 0.35}
    ),
    "squeezed": Architecture(backbone="mobilenet_v3_small", classes=3, height=32, width=32),
}
PIXELS = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)


def lively(architecture: Architecture) -> keras.Model:
    """Return a network whose normalisation does something and whose outputs are not tiny."""
    keras.utils.set_random_seed(0)
    model = build(architecture)
    rng = np.random.default_rng(1)
    weights = named_weights(model)
    for name, value in weights.items():
        if name.endswith(("gamma", "moving_variance")):
            weights[name] = rng.uniform(0.5, 1.5, value.shape).astype(np.float32)
        if name.endswith(("beta", "bias", "moving_mean")):
            weights[name] = rng.normal(0, 0.1, value.shape).astype(np.float32)
        if name.endswith("kernel"):
            depthwise = value.ndim == 4 and value.shape[-1] == 1
            read = np.prod(value.shape[: 2 if depthwise else -1])
            weights[name] = rng.normal(0, np.sqrt(2 / read), value.shape).astype(np.float32)
    assign_weights(model, weights)
    return model


def writers(channels: Channels) -> dict[str, int]:
    return {place.layer.name: place.writes.spaces[0] for place in channels.places}


def test_a_sum_ties_the_layers_that_it_adds() -> None:
    channels = Channels.of(build(NETWORKS["residual"]))
    spaces = writers(channels)
    # A stage has one stream, which its blocks add to; the first layer of a block is free.
    assert spaces["stem"] == spaces["stage_1_block_1_2"] == spaces["stage_1_block_2_2"]
    stream = spaces["stage_2_block_1_shortcut"]
    assert stream == spaces["stage_2_block_1_2"] == spaces["stage_2_block_2_2"]
    free = {spaces[f"stage_{stage}_block_{block}_1"] for stage in (1, 2) for block in (1, 2)}
    assert len(free) == 4 and not free & {spaces["stem"], stream}
    assert set(channels.open) == {*free, spaces["stem"], stream}
    assert spaces["logits"] not in channels.open


def test_a_depthwise_convolution_passes_its_channels_on() -> None:
    spaces = writers(Channels.of(build(NETWORKS["depthwise"])))
    assert spaces["block_3_expand"] == spaces["block_3_depthwise"] == spaces["block_3_expand_BN"]
    assert spaces["block_4_project"] == spaces["block_5_project"] != spaces["block_5_expand"]


@pytest.mark.parametrize("name", NETWORKS)
def test_cut_channels_are_those_that_nobody_reads(name: str) -> None:
    """The witness: the original, in which whoever read the removed channels reads zeros."""
    architecture = NETWORKS[name]
    model = lively(architecture)
    channels = Channels.of(model)
    rng = np.random.default_rng(2)
    importance = {space: rng.random(channels.widths[space]) for space in channels.open}
    kept = choose(channels, importance, keep=0.5)
    widths, weights = cut(channels, named_weights(model), kept)
    pruned = build(replace(architecture, widths=widths))
    assign_weights(pruned, weights)
    silenced = named_weights(model)
    for place in channels.places:
        if not isinstance(place.layer, keras.layers.Conv2D | keras.layers.Dense):
            continue
        stays = channels.kept(place.reads, kept)
        kernel = silenced[f"{place.layer.name}/kernel"]
        kernel[..., np.setdiff1d(np.arange(kernel.shape[-2]), stays), :] = 0
    assign_weights(model, silenced)
    pixels = PIXELS[:, : architecture.height, : architecture.width]
    expected, given = (net(pixels)["logits"].numpy() for net in (model, pruned))
    spread = np.ptp(expected, axis=0).max()
    assert spread > 1e-4, "the network says the same of all images"
    # Sums in float32 of fewer terms, in another order: far less than images differ by.
    assert np.abs(given - expected).max() <= 0.01 * spread


@pytest.mark.parametrize("name", NETWORKS)
def test_no_more_stays_than_was_asked_and_little_less(name: str) -> None:
    model = build(NETWORKS[name])
    channels = Channels.of(model)
    importance = {space: np.ones(channels.widths[space]) for space in channels.open}
    widths, _ = cut(channels, named_weights(model), choose(channels, importance, keep=0.6))
    share = multiply_adds(build(replace(NETWORKS[name], widths=widths))) / multiply_adds(model)
    assert 0.4 < share <= 0.6


def test_what_matters_stays() -> None:
    model = build(NETWORKS["residual"])
    channels = Channels.of(model)
    importance = {space: np.arange(channels.widths[space]) + 1.0 for space in channels.open}
    for space, stays in choose(channels, importance, keep=0.5).items():
        width = channels.widths[space]
        assert stays.tolist() == list(range(width - len(stays), width))
        assert len(stays) >= width / 8

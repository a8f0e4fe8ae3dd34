"""The network opened for gradients, for every kind of backbone."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.explanation import METHODS
from sightline.explanation.network import randomised
from sightline.models import Architecture
from sightline.models.catalog import BACKBONES
from sightline.testing.explanations import noise, subject_of

# One of each family; its larger members have the same layers more often. That the feature
# layer is the right one is in the contract of all backbones.
FAMILIES = {
    "efficientnet_b0": {},
    "efficientnet_v2_b0": {},
    "inception_v3": {},
    "mobilenet": {"alpha": 0.25},
    "mobilenet_v2": {"alpha": 0.35},
    "mobilenet_v3_small": {},
    "mobilenet_v3_large": {"classifier_layers": True},
    "resnet50": {},
    "resnet50_v2": {},
    "small_cnn": {},
    "small_resnet": {},
    "tutorial_cnn": {"filters": [4]},  # more vanish at its minimum size
    "vgg16": {},
}


def test_every_family_is_here():
    families = {card.name.rstrip("0123456789") for card in BACKBONES.values()}
    assert {name.rstrip("0123456789") for name in FAMILIES} <= families
    sources = {card.source for card in BACKBONES.values()}
    assert sources == {BACKBONES[name].source for name in FAMILIES}


@pytest.mark.parametrize("name", FAMILIES)
def test_floats_give_the_logits_of_pixels_and_gradients_reach_maps_and_pixels(name):
    card = BACKBONES[name]
    height, width = card.minimum_size
    architecture = Architecture(
        backbone=name, classes=2, height=height, width=width + 32, options=FAMILIES[name]
    )
    subject = subject_of(architecture)
    pixels = noise(architecture, images=2)
    logits, slopes = subject.network.pixel_gradients(pixels, 1)
    expected = subject.outputs(pixels).logits[:, 1]
    np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=1e-3)
    assert slopes.shape == pixels.shape and slopes.dtype == np.float32
    assert np.isfinite(slopes).all() and slopes.any()
    maps, gradients = subject.network.feature_gradients(pixels, 1)
    assert maps.shape == gradients.shape and maps.ndim == 4
    assert np.isfinite(gradients).all() and gradients.any()
    found = METHODS["grad_cam"].attribute(subject, pixels[0], target=1)
    assert found.values.shape == pixels.shape[1:3]


def test_the_dense_layers_of_vgg_can_stand_between():
    architecture = Architecture(
        backbone="vgg16", classes=2, height=32, width=32, options={"classifier_layers": True}
    )
    subject = subject_of(architecture)
    _, gradients = subject.network.feature_gradients(noise(architecture, images=1), 0)
    assert gradients.any()


def test_pixel_gradients_are_those_of_differences():
    """An outside witness: the logit itself, a little to both sides."""
    options = {"widths": [4, 8], "activation": "tanh"}
    architecture = Architecture(
        backbone="small_resnet", classes=2, height=16, width=20, options=options
    )
    network = subject_of(architecture).network
    pixels = noise(architecture, images=1).astype(np.float32)
    _, slopes = network.pixel_gradients(pixels, 0)
    step = np.random.default_rng(2).normal(size=pixels.shape).astype(np.float32)
    (after,), _ = network.pixel_gradients(pixels + step, 0)
    (before,), _ = network.pixel_gradients(pixels - step, 0)
    assert (after - before) / 2 == pytest.approx((slopes * step).sum(), rel=0.02, abs=1e-4)


@pytest.mark.parametrize("tta", ["none", "flip"])
def test_random_weights_come_from_the_head_downwards(tta):
    architecture = Architecture(backbone="small_cnn", classes=3, height=16, width=16, tta=tta)
    subject = subject_of(architecture)
    own = subject.network.weights
    changed = {}
    for share in (0.0, 0.5, 1.0):
        other = randomised(subject, share=share, seed=7)
        weights = other.network.weights
        assert list(weights) == list(own)
        changed[share] = {
            name.partition("/")[0] for name in own if not np.array_equal(own[name], weights[name])
        }
        answer = other.outputs(noise(architecture, images=1)).logits[0, 0]
        (logit,), _ = other.network.pixel_gradients(noise(architecture, images=1), 0)
        if tta == "none":
            assert logit == pytest.approx(answer, abs=1e-4)
    assert changed[0.0] == {"logits"}
    assert changed[0.0] < changed[0.5] < changed[1.0]
    assert "stem" in changed[1.0] and "stem" not in changed[0.5]


def test_the_same_seed_makes_the_same_random_model():
    architecture = Architecture(backbone="small_cnn", classes=3, height=16, width=16)
    subject = subject_of(architecture)
    pixels = noise(architecture, images=1)
    one, again, other = (
        randomised(subject, share=1.0, seed=seed).outputs(pixels).logits for seed in (1, 1, 2)
    )
    assert np.array_equal(one, again) and not np.array_equal(one, other)


def test_the_subjects_own_network_is_left_alone():
    architecture = Architecture(backbone="small_cnn", classes=3, height=16, width=16)
    subject = subject_of(architecture)
    pixels = noise(architecture, images=1)
    before = subject.network.pixel_gradients(pixels, 0)[0]
    randomised(subject, share=1.0, seed=1)
    assert np.array_equal(subject.network.pixel_gradients(pixels, 0)[0], before)

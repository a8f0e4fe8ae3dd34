from __future__ import annotations

import numpy as np
import pytest

from sightline.explanation import METHODS
from sightline.explanation.resampling import enlarge
from sightline.models import Architecture
from sightline.testing.explanations import noise, subject_of

from .linear import HEIGHT, SLOPES, WIDTH, linear_subject

METHOD = METHODS["grad_cam"]


def test_by_hand():
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    found = METHOD.attribute(linear_subject(), pixels, target=0).values
    # One channel, a pixel each: its gradient is the slope over the number of pixels.
    expected = SLOPES[0] / (HEIGHT * WIDTH) * pixels.sum(axis=-1) / 255
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_what_speaks_against_a_class_is_left_out():
    pixels = np.full((HEIGHT, WIDTH, 3), 99, np.uint8)
    assert not METHOD.attribute(linear_subject(), pixels, target=1).values.any()


def test_after_global_pooling_it_is_cam():
    """Zhou et al. 2016: the maps, weighted by the last layer's weights of the class."""
    architecture = Architecture(backbone="small_resnet", classes=3, height=32, width=16)
    subject = subject_of(architecture)
    pixels = noise(architecture, images=1)
    maps, _ = subject.network.feature_gradients(pixels, 2)
    weights = subject.network.weights["logits/kernel"][:, 2]
    cam = np.maximum(maps[0] @ weights, 0) / (maps.shape[1] * maps.shape[2])
    found = METHOD.attribute(subject, pixels[0], target=2).values
    np.testing.assert_allclose(found, enlarge(cam, 32, 16), rtol=1e-4, atol=1e-6)


def test_mirror_images_count_alike():
    places = np.zeros((HEIGHT // 2, WIDTH // 2))
    places[:, 0] = 1.0  # looks at the left edge; together with the mirror image at both
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    one = METHOD.attribute(linear_subject(weights=places), pixels, target=0).values
    flipped = METHOD.attribute(linear_subject(weights=places), pixels[:, ::-1], target=0).values
    both = METHOD.attribute(linear_subject(weights=places, tta="flip"), pixels, target=0).values
    np.testing.assert_allclose(both, (one + flipped[:, ::-1]) / 2, rtol=1e-5)


@pytest.mark.parametrize("target", [0, 1])
def test_facts_say_how_coarse_the_map_is(target):
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    facts = METHOD.attribute(linear_subject(), pixels, target=target).facts
    assert facts == {"rows": HEIGHT, "columns": WIDTH}

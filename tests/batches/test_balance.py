"""Class and image weights, with scikit-learn as the witness."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from sightline.batches.balance import class_weights, image_weights
from sightline.errors import ConfigError

CLASSES = ("cat", "dog", "owl")
LABELS = np.array([0, 0, 0, 0, 1, 1, 2])
TARGETS = np.eye(3, dtype=np.float32)[LABELS]


def test_none_weighs_all_alike():
    assert class_weights(None, TARGETS, CLASSES).tolist() == [1, 1, 1]


def test_balanced_is_that_of_scikit_learn():
    weights = class_weights("balanced", TARGETS, CLASSES)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=LABELS)
    np.testing.assert_allclose(weights, expected, rtol=1e-6)
    images = image_weights(weights, TARGETS)
    np.testing.assert_allclose(images, compute_sample_weight("balanced", LABELS), rtol=1e-6)
    assert images.mean() == pytest.approx(1)
    assert images.dtype == np.float32


def test_a_class_without_images_weighs_one():
    assert class_weights("balanced", TARGETS[:4], CLASSES).tolist() == [pytest.approx(1 / 3), 1, 1]


def test_a_mapping_names_classes_in_any_order():
    assert class_weights({"owl": 3, "cat": 0.5}, TARGETS, CLASSES).tolist() == [0.5, 1, 3]


def test_an_image_of_several_classes_has_their_mean_weight():
    targets = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0]], np.float32)
    weights = np.array([1, 4, 3], np.float32)
    assert image_weights(weights, targets).tolist() == [2, 1, 4]


@pytest.mark.parametrize(
    ("chosen", "match"),
    [
        ({"cats": 1.0}, "Did you mean 'cat'"),
        ({"cat": -1}, "'cat' is -1"),
        ({"cat": float("nan")}, "nan"),
        ({"cat": "2"}, "'2'"),
        ({"cat": True}, "True"),
        ("even", "'even'"),
    ],
)
def test_what_is_no_weight_is_refused(chosen, match):
    with pytest.raises(ConfigError, match=match):
        class_weights(chosen, TARGETS, CLASSES)

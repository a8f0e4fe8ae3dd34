from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sightline.images import Preprocessing
from sightline.models import Architecture
from sightline.models.build import build
from sightline.models.bundle import WEIGHTS, Bundle
from sightline.models.members import TEMPERATURE, pack_weights
from sightline.models.restore import restore
from sightline.models.weights import named_weights

ARCHITECTURE = Architecture(
    backbone="small_resnet",
    classes=3,
    task="multi_label",
    height=16,
    width=16,
    options={"widths": [4], "stem": "fine"},
)


def bundle_with(temperature: np.ndarray, architecture: Architecture) -> Bundle:
    weights = {**named_weights(build(architecture)), TEMPERATURE: temperature}
    return Bundle(
        classes=("a", "b", "c"),
        task=architecture.task,
        preprocessing=Preprocessing(height=16, width=16),
        architecture=architecture,
        members={WEIGHTS: pack_weights(weights)},
    )


@pytest.mark.parametrize("temperature", [np.float32([1, 2, 3]), np.float32(2.5)])
def test_labels_have_their_own_temperature_or_that_which_they_shared_in_format_1_0(temperature):
    model = restore(bundle_with(np.asarray(temperature), ARCHITECTURE))
    found = model.get_layer("temperature").temperature.numpy()
    np.testing.assert_array_equal(found, np.broadcast_to(temperature, 3))


def test_classes_share_one():
    one = restore(bundle_with(np.array(2, np.float32), replace(ARCHITECTURE, task="multi_class")))
    assert one.get_layer("temperature").temperature.shape == ()

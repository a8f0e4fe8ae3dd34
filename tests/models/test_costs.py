"""Multiply-adds, against those of a network that is small enough to count by hand."""

from __future__ import annotations

from dataclasses import replace

from sightline.models import Architecture
from sightline.models.build import build
from sightline.models.costs import multiply_adds

SMALL = Architecture(
    backbone="tutorial_cnn",
    classes=3,
    height=12,
    width=12,
    options={"filters": [4, 6], "dense_units": 8, "kernel_size": 3},
)


def test_counted_by_hand() -> None:
    # 12 -> 10, pooled to 5 -> 3, pooled to 1: 6 numbers are flattened.
    first, second = 10 * 10 * 3 * 3 * 3 * 4, 3 * 3 * 3 * 3 * 4 * 6
    assert multiply_adds(build(SMALL)) == first + second + 6 * 8 + 8 * 3
    # Two views of each image; the head sees their mean.
    both = 2 * (first + second + 6 * 8) + 8 * 3
    assert multiply_adds(build(replace(SMALL, tta="flip"))) == both


def test_mobilenet_has_what_its_paper_says() -> None:
    # Sandler et al. 2018, table 4: 300 million with the classifier of 1000 classes.
    network = Architecture(backbone="mobilenet_v2", classes=1000, height=224, width=224)
    assert abs(multiply_adds(build(network)) / 300e6 - 1) < 0.01

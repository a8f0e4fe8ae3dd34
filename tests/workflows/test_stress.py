from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sightline.dataset import Content, Row
from sightline.errors import ConfigError
from sightline.images import ArraySource, BytesSource, Preprocessing
from sightline.images.stress import STRESSES
from sightline.inference.runner import Outputs
from sightline.models.bundle import Rules
from sightline.workflows.stress import Labelled, sample_images, stress_images


def image(number: int, label: str, pixels: np.ndarray | None = None) -> Labelled:
    name = f"{number}"
    source: Any = BytesSource(b"no image", name) if pixels is None else ArraySource(pixels, name)
    return Row(source=source, labels=(label,)), Content(digest=f"{number:064x}", size=1)


def test_a_sample_has_each_class_in_proportion() -> None:
    images = [image(i, "cat" if i < 60 else "dog" if i < 90 else "fox") for i in range(100)]
    for seed in (0, 1):
        sample = sample_images(images, most=20, seed=seed)
        assert Counter(row.labels[0] for row, _ in sample) == {"cat": 12, "dog": 6, "fox": 2}
    assert sample_images(images, most=20) != sample


def test_a_sample_depends_on_content_and_not_on_order() -> None:
    images = [image(i, "cat" if i % 3 else "dog") for i in range(50)]
    one, other = sample_images(images, most=10), sample_images(images[::-1], most=10)
    assert {row.name for row, _ in one} == {row.name for row, _ in other}
    assert sample_images(images, most=50) == sample_images(images, most=999) == tuple(images)


def test_a_sample_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError):
        sample_images([image(0, "cat")], most=0)


class Threshold:
    """Says "dark" below half the light."""

    classes = ("dark", "light")
    task: Any = "multi_class"
    rules = Rules()
    preprocessing = Preprocessing(height=4, width=4, channels=1)

    def run(self, pixels: np.ndarray) -> Outputs:
        light = pixels.mean(axis=(1, 2, 3)) >= 128
        probabilities = np.eye(2, dtype=np.float32)[light.astype(int)]
        return Outputs(probabilities=probabilities, logits=probabilities)


def shades() -> list[Labelled]:
    """Return twenty light pictures and twenty dark ones."""
    levels = [*range(200, 240, 2), *range(20, 60, 2)]
    return [
        image(i, "light" if level >= 128 else "dark", np.full((20, 30, 3), level, np.uint8))
        for i, level in enumerate(levels)
    ]


def test_a_model_that_looks_at_light_falls_with_light_and_with_nothing_else() -> None:
    told: list[tuple[int, int]] = []
    stressed = stress_images(
        Threshold(), shades(), progress=lambda done, total: told.append((done, total))
    )
    assert stressed.clean.value == 1
    assert stressed.failed == 0
    assert told[-1] == (40, 40)
    curves = {curve.name: curve for curve in stressed.curves}
    assert list(curves) == list(STRESSES)
    assert [point.level for point in curves["darker"].points] == [0.5, 0.25, 0.1, 0.05]
    # All the light pictures are taken for dark ones, none of the dark ones for light.
    assert curves["darker"].points[-1].accuracy.value == 0.5
    assert curves["darker"].points[-1].change.value == -0.5
    assert curves["darker"].points[-1].falls
    for name in set(curves) - {"darker", "brighter"}:
        assert [point.accuracy.value for point in curves[name].points] == [1.0] * 4


def test_images_of_one_group_are_worth_fewer() -> None:
    few = {"noise": STRESSES["noise"]}
    grouped = [(replace(row, group=str(i // 10)), seen) for i, (row, seen) in enumerate(shades())]
    apart, together = (stress_images(Threshold(), one, stresses=few) for one in (shades(), grouped))
    assert apart.clean.low > 0.9 > 0.55 > together.clean.low
    assert together.curves[0].points[0].accuracy == together.clean


def test_images_that_cannot_be_decoded_are_counted() -> None:
    few = {"noise": STRESSES["noise"]}
    stressed = stress_images(Threshold(), [*shades(), image(99, "dark")], stresses=few)
    assert (stressed.failed, stressed.clean.n) == (1, 40)
    nothing = stress_images(Threshold(), [image(99, "dark")], stresses=few)
    assert (nothing.failed, nothing.clean.defined) == (1, False)

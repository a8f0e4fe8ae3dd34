"""What is held out, from a runner whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from sightline.dataset import Dataset
from sightline.errors import ImageError
from sightline.images import Preprocessing
from sightline.inference import Outputs
from sightline.models.rules import Rules
from sightline.training.calibrate import hold_out
from sightline.training.parts import Part

CLASSES = ("dark", "light")
GROUPS = [f"{number // 2}" for number in range(40)]


class Brightness:
    """A model that knows how light an image is, and counts what it is asked."""

    classes, task, rules = CLASSES, "multi_class", Rules()
    preprocessing = Preprocessing(height=16, width=16)

    def __init__(self) -> None:
        self.asked = 0

    def run(self, pixels: np.ndarray) -> Outputs:
        self.asked += len(pixels)
        light = pixels.reshape(len(pixels), -1).mean(axis=1).astype(np.float32) / 255
        logits = np.stack([1 - 2 * light, 2 * light - 1], axis=1) * 4
        weights = np.exp(logits)
        return Outputs(
            probabilities=weights / weights.sum(axis=1, keepdims=True),
            logits=logits,
            embedding=np.stack([1 - light, light], axis=1),
        )


def part_of(count: int, seed: int) -> Part:
    random = np.random.default_rng(seed)
    levels = random.integers(0, 256, count)
    noise = random.integers(-20, 20, (count, 16, 16, 3))
    pixels = (levels[:, None, None, None] + noise).clip(0, 255).astype(np.uint8)
    dataset = Dataset.from_arrays(pixels, [CLASSES[int(level > 127)] for level in levels])
    return Part.of(
        dataset,
        dataset.contents(),
        classes=CLASSES,
        preprocessing=Brightness.preprocessing,
    )


def test_what_is_held_out_is_what_the_model_says_of_the_part():
    runner, part, training = Brightness(), part_of(40, 0), part_of(60, 1)
    seen: list[tuple[int, int]] = []
    held_out = hold_out(
        runner,
        part,
        training,
        groups=GROUPS,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert held_out is not None and held_out.familiarity is not None
    assert runner.asked == seen[-1][0] == seen[-1][1] == 100
    right = held_out.logits.argmax(axis=1) == held_out.truth.argmax(axis=1)
    assert right.all() and held_out.truth.sum() == 40
    assert held_out.distances.shape == (40,) and held_out.distances.max() < 0.1
    assert len(held_out.independent()) == 20


def test_embeddings_that_are_known_are_not_computed_again():
    training = part_of(60, 1)
    known = Brightness().run(np.stack([training.decode(np.array([i]))[0] for i in range(60)]))
    runner = Brightness()
    again = hold_out(
        runner,
        part_of(40, 0),
        training,
        embeddings=known.embedding,
        groups=GROUPS,
        progress=lambda done, total: None,
    )
    first = hold_out(
        Brightness(), part_of(40, 0), training, groups=GROUPS, progress=lambda done, total: None
    )
    assert runner.asked == 40
    assert again is not None and first is not None
    np.testing.assert_array_equal(again.distances, first.distances)


def test_without_images_nothing_is_held_out():
    empty = part_of(20, 0)
    nobody = Part(
        dataset=empty.dataset.without(empty.dataset.names[1:]),
        targets=empty.targets[:0],
        digests=(),
        preprocessing=empty.preprocessing,
    )
    assert (
        hold_out(Brightness(), nobody, part_of(9, 1), groups=GROUPS, progress=lambda d, t: None)
        is None
    )


def test_an_image_that_vanished_is_an_error(tmp_path):
    for label in CLASSES:
        (tmp_path / label).mkdir()
        for number in range(4):
            level = number + (200 if label == "light" else 0)
            Image.new("RGB", (16, 16), (level, level, level)).save(
                tmp_path / label / f"{number}.png"
            )
    dataset = Dataset.from_folder(tmp_path)
    part = Part.of(
        dataset, dataset.contents(), classes=CLASSES, preprocessing=Brightness.preprocessing
    )
    (tmp_path / "dark" / "2.png").unlink()
    with pytest.raises(ImageError):
        hold_out(
            Brightness(), part, part_of(9, 1), groups=GROUPS, progress=lambda done, total: None
        )

"""What a run is, for its checkpoints."""

from __future__ import annotations

import numpy as np

from sightline.dataset import Dataset
from sightline.training.recipe import Options, resolve
from sightline.training.session import Learnable, _identity


def identity(*, pixel: int = 0, **options: object) -> dict[str, str]:
    pixels = np.zeros((4, 32, 32, 3), np.uint8)
    pixels[0, 0, 0] = pixel
    dataset = Dataset.from_arrays(pixels, ["a", "b", "a", "b"])
    recipe = resolve(Options(weights="none", **options), classes=2, task="multi_class")
    return _identity(recipe, Learnable(dataset=dataset, contents=dataset.contents()))


def differing(one: dict[str, str], other: dict[str, str]) -> dict[str, tuple[str | None, ...]]:
    names = {*one, *other}
    pairs = {name: (one.get(name), other.get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def test_the_same_run_is_the_same() -> None:
    assert identity() == identity()


def test_a_difference_bears_the_name_of_what_differs() -> None:
    assert differing(identity(), identity(epochs=7)) == {"optimisation.epochs": ("40", "7")}
    assert differing(identity(), identity(class_weight={"a": 2.0})) == {
        "class_weight": ("null", None),
        "class_weight.a": (None, "2.0"),
    }
    assert list(differing(identity(), identity(pixel=1))) == ["data"]

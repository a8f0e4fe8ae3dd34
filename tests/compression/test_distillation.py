"""What a student is, decided from its teacher and a few words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sightline.batches import PRESETS
from sightline.compression.options import DistillOptions
from sightline.compression.student import student_recipe
from sightline.errors import ConfigError, ModelError
from sightline.images import Preprocessing
from sightline.models import Architecture
from sightline.models.bundle import WEIGHTS, Bundle
from sightline.models.members import pack_weights

FLIPPING = replace(PRESETS["strong"], horizontal_flip=True)
RECIPE = {
    "optimisation": {"augmentation": FLIPPING.to_json()},
    "class_weight": {"a": 2.0, "b": 1.0},
}


def teacher(**changes: Any) -> Bundle:
    architecture = Architecture(
        backbone="mobilenet_v2", classes=2, height=96, width=96, widths={"block_3_expand": 100}
    )
    words: dict[str, Any] = {"architecture": architecture, "recipe": RECIPE, **changes}
    return Bundle(
        classes=("a", "b"),
        task="multi_class",
        preprocessing=Preprocessing(height=96, width=96, fit="crop"),
        members={WEIGHTS: pack_weights({"x/kernel": np.ones(3, np.float32)})},
        **words,
    )


def test_the_same_network_starts_at_the_weights_of_its_teacher() -> None:
    recipe, start = student_recipe(teacher(), DistillOptions(image_size=(64, 64), epochs=3))
    assert start is not None and list(start) == ["x/kernel"]
    assert recipe.architecture.widths == {"block_3_expand": 100}
    assert (recipe.preprocessing.height, recipe.preprocessing.fit) == (64, "crop")
    assert recipe.optimisation is not None and recipe.optimisation.epochs == 3
    assert recipe.optimisation.augmentation == FLIPPING and recipe.mirrored
    assert recipe.class_weight == {"a": 2.0, "b": 1.0}
    assert recipe.distillation is not None and len(recipe.distillation.teacher) == 64
    assert recipe.to_json()["distillation"]["share"] == 0.9


def test_images_may_be_changed_in_another_way_but_mirrored_as_before() -> None:
    recipe, _ = student_recipe(teacher(), DistillOptions(image_size=(64, 64), augment="light"))
    assert recipe.optimisation is not None
    assert recipe.optimisation.augmentation == replace(PRESETS["light"], horizontal_flip=True)


def test_another_network_starts_at_what_is_published_for_it() -> None:
    recipe, start = student_recipe(teacher(), DistillOptions(backbone_options={"alpha": 0.35}))
    assert start is None and recipe.weights == "imagenet"
    assert recipe.architecture.options["alpha"] == 0.35 and not recipe.architecture.widths
    recipe, start = student_recipe(teacher(), DistillOptions(backbone="small_cnn"))
    assert start is None and (recipe.weights, recipe.mode) == ("none", "scratch")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({}, "nothing_smaller"),
        ({"backbone": "mobilenet", "weights": "own"}, "other_architecture"),
        ({"backbone": "small_cnn", "weights": "imagenet"}, "no_such_weights"),
    ],
)
def test_a_student_that_cannot_be_is_refused(options: dict[str, Any], code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        student_recipe(teacher(), DistillOptions(**options))
    assert caught.value.code == code


@pytest.mark.parametrize(
    "recipe", [{"optimisation": {}}, {"optimisation": 3}, {"class_weight": "much"}]
)
def test_a_recipe_that_says_nothing_is_damaged(recipe: dict[str, Any]) -> None:
    with pytest.raises(ModelError) as caught:
        student_recipe(teacher(recipe=recipe), DistillOptions(image_size=(64, 64)))
    assert caught.value.code == "damaged_model"

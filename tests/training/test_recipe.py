from __future__ import annotations

import json

import pytest

from sightline.errors import ConfigError
from sightline.training.recipe import DEFAULTS, Options, resolve


def test_the_default_is_mobilenet_v2_from_imagenet_then_fine_tuned() -> None:
    recipe = resolve(Options(), classes=10, task="multi_class")
    assert recipe.mode == "standard"
    assert recipe.architecture.backbone == "mobilenet_v2"
    assert (recipe.preprocessing.height, recipe.preprocessing.width) == (224, 224)
    assert recipe.optimisation == DEFAULTS["standard", "standard"]
    assert recipe.head_strengths


def test_quick_has_no_gradient_part() -> None:
    recipe = resolve(Options(effort="quick"), classes=2, task="multi_class")
    assert (recipe.mode, recipe.optimisation) == ("quick", None)


def test_without_weights_a_network_made_for_it_is_trained_from_scratch() -> None:
    recipe = resolve(Options(weights="none"), classes=2, task="multi_class")
    assert recipe.mode == "scratch"
    assert recipe.architecture.backbone == "small_resnet"
    assert recipe.head_strengths == ()


IDLE = [
    ("standard", {"grow_from": 0.75}),
    ("quick", {"precision": "bfloat16"}),
    ("quick", {"epochs": 3}),
    ("quick", {"learning_rate": 0.1}),
    ("quick", {"augment": "strong"}),
    ("quick", {"dropout": 0.2}),
    ("quick", {"patience": 2}),
]


@pytest.mark.parametrize(("effort", "given"), IDLE, ids=lambda value: str(value))
def test_an_option_without_effect_is_an_error_that_names_it(effort: str, given: dict) -> None:
    with pytest.raises(ConfigError, match="would have no effect") as caught:
        resolve(Options(effort=effort, **given), classes=2, task="multi_class")
    assert caught.value.details["options"] == list(given)


@pytest.mark.parametrize("effort", ["quick", "standard"])
def test_the_head_learns_from_mirror_images_only_when_they_are_asked_for(effort: str) -> None:
    plain = resolve(Options(effort=effort), classes=2, task="multi_class")
    assert not plain.mirrored
    assert resolve(Options(effort=effort, flip=True), classes=2, task="multi_class").mirrored


def test_head_strengths_have_no_effect_from_scratch() -> None:
    with pytest.raises(ConfigError, match="head_strengths"):
        resolve(Options(weights="none", head_strengths=(1.0,)), classes=2, task="multi_class")


OUT_OF_RANGE = [
    {"epochs": 0},
    {"batch_size": 0},
    {"learning_rate": 0.0},
    {"learning_rate": float("nan")},
    {"label_smoothing": 1.0},
    {"weight_decay": -1.0},
    {"warmup": 1.5},
    {"precision": "float16"},
    {"grow_from": 0.1},
    {"patience": 0},
    {"optimizer": "adamm"},
    {"decay": "cosin"},
    {"augment": "lihgt"},
    {"dropout": 1.0},
    {"effort": "quik"},
    {"backbone": "mobilenet_v9"},
    {"fit": "stretch"},
    {"channels": 2},
    {"image_size": (8, 8)},
]


@pytest.mark.parametrize("given", OUT_OF_RANGE, ids=str)
def test_a_bad_value_is_refused(given: dict) -> None:
    with pytest.raises(ConfigError):
        resolve(Options(**given), classes=2, task="multi_class")


def test_weights_that_do_not_exist_are_refused_with_the_remedy() -> None:
    with pytest.raises(ConfigError, match="no ImageNet weights for 'tutorial_cnn'") as caught:
        resolve(Options(backbone="tutorial_cnn"), classes=2, task="multi_class")
    assert "--weights none" in (caught.value.fix or "")


def test_json_tells_recipes_apart() -> None:
    one = resolve(Options(seed=0), classes=2, task="multi_class")
    same = resolve(Options(seed=0), classes=2, task="multi_class")
    other = resolve(Options(seed=1), classes=2, task="multi_class")
    assert one.to_json() == same.to_json() != other.to_json()
    json.dumps(one.to_json(), allow_nan=False)


def test_fine_tuning_goes_at_the_rate_of_the_backbones_card() -> None:
    for backbone, rate in (("mobilenet_v2", 5e-4), ("vgg16", 1e-4)):
        recipe = resolve(Options(backbone=backbone), classes=2, task="multi_class")
        assert recipe.optimisation is not None
        assert recipe.optimisation.learning_rate == rate
    chosen = resolve(Options(learning_rate=2e-3), classes=2, task="multi_class")
    assert chosen.optimisation is not None
    assert chosen.optimisation.learning_rate == 2e-3


RATES = [
    ({"weights": "none"}, 0.1),
    ({"weights": "none", "optimizer": "adamw"}, 1e-3),
    ({"weights": "none", "optimizer": "muon"}, 0.12),
    ({"optimizer": "adam"}, 5e-4),
    ({"optimizer": "sgd"}, 0.01),
    ({"optimizer": "sgd", "learning_rate": 0.3}, 0.3),
]


@pytest.mark.parametrize(("given", "rate"), RATES, ids=lambda value: str(value))
def test_the_rate_goes_with_the_optimiser(given: dict, rate: float) -> None:
    recipe = resolve(Options(**given), classes=2, task="multi_class")
    assert recipe.optimisation is not None
    assert recipe.optimisation.learning_rate == rate

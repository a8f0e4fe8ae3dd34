"""What a smaller model takes over from the recipe of the model it is made from.

Only its user knows whether a mirror image means the same, which classes count more, and how
images are to be fitted: it was said once, and holds for what is made from the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sightline.batches import PRESETS, Augmentation
from sightline.compression.options import TaughtOptions
from sightline.errors import ConfigError, ModelError
from sightline.files import sha256_bytes
from sightline.models.bundle import WEIGHTS, Bundle
from sightline.training.recipe import ClassWeight, Distillation
from sightline.training.recipe import Options as TrainingOptions

OWN_WEIGHTS = "own"
"""What a recipe calls weights that come out of the model being compressed."""


def inherited(bundle: Bundle, options: TaughtOptions) -> TrainingOptions:
    """Return the options of a training that goes on where the bundle's ended.

    Args:
        bundle: The model.
        options: What the user decides.

    Raises:
        ModelError: The bundle's recipe cannot be read.
    """
    architecture = bundle.architecture
    return TrainingOptions(
        backbone=architecture.backbone,
        backbone_options=architecture.options,
        weights=OWN_WEIGHTS,
        image_size=(architecture.height, architecture.width),
        channels=architecture.channels,
        fit=bundle.preprocessing.fit,
        dropout=architecture.dropout,
        tta=architecture.tta,
        augment=_augmentation(bundle.recipe, options.augment),
        class_weight=_class_weight(bundle.recipe),
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        batch_size=options.batch_size,
        seed=options.seed,
    )


def require_float(bundle: Bundle, options: TaughtOptions) -> None:
    """Refuse a bundle that was trained for 8 bits: learning on without them would undo that.

    Raises:
        ConfigError: It was.
    """
    if bundle.architecture.quantized:
        raise ConfigError(
            "The model was trained for 8 bits; learning on would undo that.",
            expected="a model in float",
            fix="prune first, then train for 8 bits (zeros stay zeros); this one is ready for "
            "export --quantize int8",
            code="already_quantized",
        )


def distillation(bundle: Bundle, options: TaughtOptions) -> Distillation:
    """Return how a student learns from the bundle."""
    return Distillation(
        teacher=sha256_bytes(bundle.members[WEIGHTS]),
        temperature=options.temperature,
        share=options.share,
    )


def _augmentation(recipe: Mapping[str, Any], preset: str | None) -> Augmentation:
    own = _own_augmentation(recipe)
    if preset is None:
        return own
    mirrored = {"horizontal_flip": own.horizontal_flip, "vertical_flip": own.vertical_flip}
    return replace(PRESETS[preset], **mirrored)


def _own_augmentation(recipe: Mapping[str, Any]) -> Augmentation:
    optimisation = recipe.get("optimisation")
    if optimisation is None:  # a head on frozen features
        return replace(PRESETS["light"], horizontal_flip=bool(recipe.get("mirrored", False)))
    try:
        return Augmentation.from_json(optimisation["augmentation"])
    except (ConfigError, KeyError, TypeError) as error:
        raise _damaged("augmentation") from error


def _class_weight(recipe: Mapping[str, Any]) -> ClassWeight:
    value = recipe.get("class_weight")
    if value is None or value == "balanced" or isinstance(value, Mapping):
        return value  # checked against the classes where it is used
    raise _damaged("class_weight")


def _damaged(name: str) -> ModelError:
    return ModelError(
        f"The model's recipe has no {name} that can be read.",
        expected="a model as Sightline wrote it",
        fix="take another copy of it, or train again",
        code="damaged_model",
    )

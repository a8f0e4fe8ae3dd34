"""What a student of a bundle is, and where it starts. Needs no TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from sightline.compression.inheritance import OWN_WEIGHTS, distillation, inherited
from sightline.compression.options import DistillOptions
from sightline.errors import ConfigError
from sightline.models.architecture import Architecture
from sightline.models.bundle import Bundle
from sightline.training.recipe import Recipe, resolve


def student_recipe(
    bundle: Bundle, options: DistillOptions
) -> tuple[Recipe, Mapping[str, np.ndarray] | None]:
    """Return the recipe of a student, and the weights it starts from where they are the teacher's.

    Args:
        bundle: The teacher.
        options: What the student is.

    Raises:
        ConfigError: There are no such weights to start from, or it would be the teacher again.
        ModelError: The bundle's recipe cannot be read.
    """
    teacher = bundle.architecture
    asked = inherited(bundle, options)
    same_backbone = options.backbone in (None, teacher.backbone)
    own_options = teacher.options if same_backbone else {}
    asked = replace(
        asked,
        backbone=options.backbone or teacher.backbone,
        backbone_options={**own_options, **options.backbone_options},
        image_size=options.image_size or asked.image_size,
    )
    student = Architecture(
        backbone=str(asked.backbone),
        classes=teacher.classes,
        task=teacher.task,
        height=asked.image_size[0] if asked.image_size else teacher.height,
        width=asked.image_size[1] if asked.image_size else teacher.width,
        channels=teacher.channels,
        options=asked.backbone_options,
    )
    same_network = (student.backbone, student.options) == (teacher.backbone, teacher.options)
    if same_network and (student.height, student.width) == (teacher.height, teacher.width):
        raise ConfigError(
            "The student would be the teacher's network again, for images of the same size.",
            expected="another backbone, other options of it, or another image size",
            fix="add --image-size 128, for example, or --backbone-option alpha=0.5",
            code="nothing_smaller",
        )
    # Trained for 8 bits, it has no normalisation left, and ranges instead.
    same_weights = same_network and not teacher.quantized
    weights = options.weights or _weights(student, same_network=same_weights)
    if weights == OWN_WEIGHTS and not same_weights:
        raise ConfigError(
            f"This {student.backbone} cannot start at the teacher's weights.",
            expected="the teacher's backbone and options, and a teacher not trained for 8 bits; or "
            "other weights",
            fix="leave out weights=own",
            code="other_architecture",
        )
    # Early layers are worth keeping where millions of photos made them.
    frozen = 0 if weights == OWN_WEIGHTS and not student.card.weights else None
    asked = replace(asked, weights=weights, frozen_stride=frozen)
    recipe = resolve(asked, classes=teacher.classes, task=teacher.task)
    widths = teacher.widths if weights == OWN_WEIGHTS else {}
    recipe = replace(
        recipe,
        architecture=replace(recipe.architecture, widths=widths),
        preprocessing=replace(bundle.preprocessing, height=student.height, width=student.width),
        distillation=distillation(bundle, options),
    )
    return recipe, bundle.weights() if weights == OWN_WEIGHTS else None


def _weights(student: Architecture, *, same_network: bool) -> str:
    if same_network:
        return OWN_WEIGHTS
    return "imagenet" if "imagenet" in student.card.weights else "none"

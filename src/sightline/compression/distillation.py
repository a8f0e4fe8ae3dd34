"""Knowledge distillation: a smaller network, or one for smaller images, learns the model's answers.

After Hinton et al. 2015 (arXiv:1503.02531). The teacher answers for every view that the student
is shown: the same image with the same draws of augmentation, in the teacher's own size, after
Beyer et al. 2022, "Knowledge distillation: A good teacher is patient and consistent"
(arXiv:2106.05237).
"""

from __future__ import annotations

from dataclasses import replace

from sightline.compression.options import DistillOptions
from sightline.compression.student import student_recipe
from sightline.models.bundle import Bundle
from sightline.training.assemble import Made
from sightline.training.learnable import Learnable
from sightline.training.session import Session, metrics_of, train_bundle
from sightline.training.teacher import Teacher


def distill(bundle: Bundle, data: Learnable, session: Session, options: DistillOptions) -> Made:
    """Return a student of the bundle.

    Args:
        bundle: The teacher.
        data: The images on its record, each in the split that it has there.
        session: Where and before whom.
        options: What the student is.

    Raises:
        ConfigError: There are no such weights to start from, or it would be the teacher again.
        SightlineError: As `training.session.train_bundle`.
    """
    recipe, start = student_recipe(bundle, options)
    trained, made = train_bundle(recipe, data, session, start=start, teacher=Teacher(bundle))
    metrics = metrics_of(trained, made, {})
    return replace(made, bundle=replace(made.bundle, metrics=metrics))

"""Training on where a bundle's training ended: the same network, its weights, a few more epochs.

Distillation and channel pruning make another network, which is trained as any other. Here the
network stays, and all of its weights learn on, the head's included, from the labels and from what
it said before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import keras

from sightline.batches import steps_per_epoch
from sightline.compression.inheritance import distillation, inherited
from sightline.compression.options import TaughtOptions
from sightline.files import canonical_json
from sightline.models.architecture import Architecture
from sightline.models.bundle import Bundle
from sightline.models.restore import restore
from sightline.training.recipe import Recipe, resolve
from sightline.training.teacher import Teacher
from sightline.training.trainer import Job


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast a method learns where the user does not say.

    Attributes:
        epochs: Passes over the training images.
        rate: The peak of the learning rate, as a share of what fine-tuning the backbone takes.
    """

    epochs: int
    rate: float


def further_recipe(
    bundle: Bundle, options: TaughtOptions, *, pace: Pace, architecture: Architecture
) -> Recipe:
    """Return the recipe of training on.

    Args:
        bundle: What it goes on from.
        options: What the user decides.
        pace: What holds otherwise.
        architecture: Of the network that comes out.

    Raises:
        ModelError: The bundle's recipe cannot be read.
    """
    asked = inherited(bundle, options)
    asked = replace(
        asked,
        epochs=options.epochs or pace.epochs,
        learning_rate=options.learning_rate or pace.rate * architecture.card.fine_tuning_rate,
        frozen_stride=0,
    )
    recipe = resolve(asked, classes=architecture.classes, task=architecture.task)
    return replace(
        recipe,
        architecture=architecture,
        preprocessing=bundle.preprocessing,
        head_strengths=(),  # no head is fitted
        mirrored=False,
        distillation=distillation(bundle, options),
    )


def further_job(bundle: Bundle, options: TaughtOptions, job: Job) -> Job:
    """Return a job that the bundle teaches, and that other options cannot take up again."""
    identity = {**job.identity, "compression": canonical_json(options.to_json())}
    return replace(job, identity=identity, teacher=Teacher(bundle))


def steps_of(job: Job) -> int:
    """Return how many steps of gradient descent a job takes in all."""
    chosen = job.recipe.optimisation
    if chosen is None:
        return 0
    return chosen.epochs * steps_per_epoch(len(job.training), chosen.batch_size)


def network(bundle: Bundle) -> keras.Model:
    """Return the bundle's network as it is trained: it sees each image once.

    Raises:
        ModelError: Its weights are damaged.
    """
    architecture = replace(bundle.architecture, tta="none")
    return restore(replace(bundle, architecture=architecture))

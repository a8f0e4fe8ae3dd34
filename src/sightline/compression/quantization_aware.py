"""Quantisation-aware training: the network learns with the rounding that 8 bits bring.

After Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", arXiv:1712.05877, with the normalisation folded from the
start (Krishnamoorthi 2018, arXiv:1806.08342, section 3.2: its averages are those of a trained
network and stay). The ranges of values are those of training images and stay too; an int8 export
of what comes out takes them from the network and needs no images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

from sightline.compression.further import Pace, further_job, further_recipe, network
from sightline.compression.inheritance import require_float
from sightline.compression.magnitude import Zeros, kernels
from sightline.compression.options import QuantizationOptions
from sightline.errors import CheckFailedError
from sightline.models.build import build
from sightline.models.bundle import Bundle
from sightline.models.quantized import fold, ranges, round_kernels, simulated
from sightline.training.assemble import Made, keras_runner
from sightline.training.learnable import Learnable
from sightline.training.parts import Part, heeding
from sightline.training.recipe import Recipe
from sightline.training.session import Parts, Session, job_of, metrics_of, prove
from sightline.training.trainer import continue_training
from sightline.verification import compare_runners

_PACE = Pace(epochs=3, rate=0.1)
_AT_ONCE = 8
_COMPARED = 64
_LEAST_AGREEMENT = 0.9
_MARGIN = 1.01
"""Other images go a little beyond those looked at. And scaled pixels from exactly -1 to 1 would all
lie in the middle between two levels, where runtimes round to either side."""


def train_for_int8(
    bundle: Bundle, data: Learnable, session: Session, options: QuantizationOptions
) -> Made:
    """Return the bundle retrained so that it says the same in 8 bits.

    Args:
        bundle: In float.
        data: The images on its record, each in the split that it has there.
        session: Where and before whom.
        options: How it learns.

    Raises:
        ConfigError: It was trained for 8 bits before, or has a layer that they do not compute.
        CheckFailedError: What it learned is not what it says in float.
        SightlineError: As `training.trainer.continue_training` and `training.session.prove`.
    """
    require_float(bundle, options)
    architecture = replace(bundle.architecture, quantized=True)
    recipe = further_recipe(bundle, options, pace=_PACE, architecture=architecture)
    parts = Parts.of(data, recipe.preprocessing)
    job = further_job(bundle, options, job_of(recipe, parts, data, session))
    model = build(job.architecture)
    fold(network(bundle), model)
    with session.watcher.stage("looking at the ranges of values") as progress:
        set_ranges(model, parts.training, options.images, heeding(session.stop, progress))
    learner = simulated(model)
    # What pruning set to zero stays zero.
    trained = continue_training(model, job, learner=learner, constraint=Zeros(kernels(learner)))
    round_kernels(trained.model)
    _require_the_same(trained.model, recipe, parts.validation, data.dataset.classes)
    made = prove(trained, recipe, parts, data, session)
    return replace(made, bundle=replace(made.bundle, metrics=metrics_of(trained, made, {})))


def _require_the_same(
    model: keras.Model, recipe: Recipe, validation: Part, classes: Sequence[str]
) -> None:
    """Refuse a network that learned to need the rounding: its float twin would answer otherwise.

    That happens where 8 bits are far too few, so that most values of a map round to one.
    """
    chosen = np.linspace(0, len(validation) - 1, min(_COMPARED, len(validation)))
    plain, rounding = (keras_runner(one, recipe, classes) for one in (model, simulated(model)))
    pixels = validation.decode(chosen.round().astype(np.int64))
    agreement = compare_runners(plain, rounding, pixels).agreement
    if agreement < _LEAST_AGREEMENT:
        raise CheckFailedError(
            f"With its rounding the network gives the same answer as without for only "
            f"{agreement:.0%} of {len(pixels)} validation images.",
            expected=f"{_LEAST_AGREEMENT:.0%}",
            fix="train for more epochs, at a lower rate; or choose another backbone",
            code="other_in_8_bits",
        )


def set_ranges(
    model: keras.Model, part: Part, images: int, progress: Callable[[int, int], None]
) -> None:
    """Set each `Range` of a network to the smallest and the largest value, zero included.

    Args:
        model: Made by `models.quantized.foldable`.
        part: Images to look at.
        images: How many of them, evenly from all.
        progress: Called with (done, total); may raise.
    """
    places = ranges(model)
    probe = keras.Model(model.inputs[0], [place.output for place in places])

    @tf.function
    def ends(pixels: tf.Tensor) -> tf.Tensor:
        values = probe(pixels, training=False)
        return tf.stack([[tf.reduce_min(value), tf.reduce_max(value)] for value in values])

    chosen = np.linspace(0, len(part) - 1, min(images, len(part))).round().astype(np.int64)
    found = np.zeros((len(places), 2), np.float32)
    for first in range(0, len(chosen), _AT_ONCE):
        seen = ends(part.decode(chosen[first : first + _AT_ONCE])).numpy()
        found[:, 0] = np.minimum(found[:, 0], seen[:, 0])
        found[:, 1] = np.maximum(found[:, 1], seen[:, 1])
        progress(min(first + _AT_ONCE, len(chosen)), len(chosen))
    for place, (low, high) in zip(places, _MARGIN * found, strict=True):
        place.low.assign(low)
        place.high.assign(high)

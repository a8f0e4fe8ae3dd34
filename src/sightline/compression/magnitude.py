"""Pruning by magnitude: the smallest weights become zero, more and more of them, while it learns.

After Zhu and Gupta 2017, "To prune, or not to prune: exploring the efficacy of pruning for model
compression", arXiv:1710.01878. It makes the file smaller once it is compressed, for a download
for example, and nothing else: runtimes multiply by zero as by any other number, so the network
is no faster, and the file itself no smaller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

from sightline.compression.further import Pace, further_job, further_recipe, network, steps_of
from sightline.compression.inheritance import require_float
from sightline.compression.options import MagnitudeOptions
from sightline.models.bundle import Bundle
from sightline.models.parts import batch_normalization_layers
from sightline.training.assemble import Made
from sightline.training.learnable import Learnable
from sightline.training.session import Parts, Session, job_of, metrics_of, prove
from sightline.training.trainer import continue_training

_PACE = Pace(epochs=6, rate=0.5)
_KINDS = (keras.layers.Conv2D, keras.layers.Dense)
"""Layers whose kernels are pruned. Depthwise kernels are not: they are few, and each weight of
theirs is all that a channel has at its place."""


_MOMENTUM = 0.9
"""Of the averages that normalisation keeps. Without half of its weights a layer gives other values;
averages that take a thousand steps to follow would still be those of the whole network."""


def prune_magnitude(
    bundle: Bundle, data: Learnable, session: Session, options: MagnitudeOptions
) -> Made:
    """Return the bundle with the smallest weights of each kernel at zero, the others retrained.

    Args:
        bundle: What is pruned.
        data: The images on its record, each in the split that it has there.
        session: Where and before whom.
        options: How much goes, and when.

    Raises:
        ConfigError: The network computes in 8 bits already, on levels that retraining would leave.
        SightlineError: As `training.trainer.continue_training` and `training.session.prove`.
    """
    require_float(bundle, options)
    recipe = further_recipe(bundle, options, pace=_PACE, architecture=bundle.architecture)
    parts = Parts.of(data, recipe.preprocessing)
    job = further_job(bundle, options, job_of(recipe, parts, data, session))
    model = network(bundle)
    for layer in batch_normalization_layers(model):
        layer.momentum = _MOMENTUM
    # The last epoch at least has all of the zeros: only such weights may be chosen.
    steps = steps_of(job)
    settled = min(round(options.ramp * steps), steps - 1)
    pruning = Pruning(
        kernels(model), sparsity=options.sparsity, settled=settled, every=options.every
    )
    trained = continue_training(model, job, learner=model, constraint=pruning)
    made = prove(trained, recipe, parts, data, session)
    return replace(made, bundle=replace(made.bundle, metrics=metrics_of(trained, made, {})))


def kernels(model: keras.Model) -> list[keras.Variable]:
    """Return the kernels that are pruned."""
    return [layer.kernel for layer in model.layers if isinstance(layer, _KINDS)]


def sparsity_at(step: int, *, sparsity: float, settled: int) -> float:
    """Return the share of zeros after the pruning at `step`.

    It rises fast at first, while there are many weights to choose among, and slowly in the end:
    one minus a cube that falls from 1 to 0 (Zhu and Gupta 2017, equation 1, from no zeros).

    Args:
        step: Counted from 0.
        sparsity: The share in the end.
        settled: The step with which it is reached.
    """
    left = 1 - min(step / settled, 1.0) if settled else 0.0
    return sparsity * (1 - left**3)


class Zeros:
    """A constraint (`training.loop.Constraint`): weights that are zero stay zero.

    Args:
        variables: Whose weights.
    """

    settled = 0

    def __init__(self, variables: Sequence[keras.Variable]) -> None:
        self._variables = variables
        self._masks: list[tf.Tensor] = []

    def before(self, step: int) -> None:
        """Remember which are zero."""
        self._masks = [tf.not_equal(variable.value, 0) for variable in self._variables]

    def after(self) -> None:
        """Put them back to zero: momentum and gradient have moved them."""
        for variable, mask in zip(self._variables, self._masks, strict=True):
            variable.assign(tf.where(mask, variable.value, 0))


class Pruning(Zeros):
    """A constraint: a share of each kernel is zero, and the share grows on a schedule.

    What is zero is all it goes by, so that a run which was resumed prunes as one that was not.

    Args:
        variables: Whose weights.
        sparsity: Share of zeros in the end.
        settled: The step with which it is reached.
        every: Steps between one pruning and the next.
    """

    def __init__(
        self, variables: Sequence[keras.Variable], *, sparsity: float, settled: int, every: int
    ) -> None:
        super().__init__(variables)
        self._sparsity = sparsity
        self.settled = settled
        self._every = every

    def before(self, step: int) -> None:
        """Prune, if it is time, and remember what is zero."""
        if step == self.settled or (step < self.settled and step % self._every == 0):
            share = sparsity_at(step, sparsity=self._sparsity, settled=self.settled)
            for variable in self._variables:
                variable.assign(pruned(variable.numpy(), share))
        super().before(step)


def pruned(kernel: np.ndarray, share: float) -> np.ndarray:
    """Return a kernel whose smallest weights are zero: so many that their share is `share`."""
    count = round(share * kernel.size)
    flat = kernel.flatten()
    flat[np.argsort(np.abs(flat), kind="stable")[:count]] = 0
    return flat.reshape(kernel.shape)

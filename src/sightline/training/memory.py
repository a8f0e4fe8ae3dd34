"""Whether a step of training can fit into memory, asked before it begins.

A system without memory kills the process and gives no reason, so what cannot fit is refused.
The estimate is a lower limit: nothing that would have fitted is refused.
"""

from __future__ import annotations

import math

import keras
import tensorflow as tf

from sightline import machine
from sightline.errors import ConfigError
from sightline.training.recipe import Optimisation

_COPIES = {"sgd": 3, "muon": 3, "adam": 4, "adamw": 4}
"""Of each weight that learns: itself, its gradient, and the optimiser's one or two averages."""


def step_bytes(model: keras.Model, optimisation: Optimisation) -> int:
    """Return the bytes that a step needs at least.

    Counted are the weights with what the optimiser keeps for them, and the outputs of layers
    with weights, which the backward pass reads again.

    Args:
        model: The part that learns.
        optimisation: Its batch size and optimiser.
    """
    learning = sum(math.prod(weight.shape) for weight in model.trainable_variables)
    outputs = sum(
        math.prod(layer.output.shape[1:]) * tf.as_dtype(layer.compute_dtype).size
        for layer in model.layers
        if layer.weights
    )
    return 4 * learning * _COPIES[optimisation.optimizer] + outputs * optimisation.batch_size


def check_memory(model: keras.Model, optimisation: Optimisation) -> None:
    """Refuse what cannot fit.

    Raises:
        ConfigError: A step needs more memory than there is.
    """
    memory = machine.memory()
    if memory is None or tf.config.list_logical_devices("GPU"):  # which has its own
        return
    needed = step_bytes(model, optimisation)
    if needed <= memory.available:
        return
    size = "x".join(map(str, model.inputs[0].shape[1:3]))
    fitting = math.floor(optimisation.batch_size * memory.available / needed / 2)
    raise ConfigError(
        f"A step on {optimisation.batch_size} images, {size} in the first layer that learns, needs "
        f"at least {needed / 1e9:.1f} GB of memory; {memory.available / 1e9:.1f} GB are available.",
        expected="a step that fits into memory",
        fix=f"--batch-size {fitting}, or a smaller --image-size"
        if fitting
        else "choose a smaller --image-size or --backbone",
        code="too_large_for_memory",
    )

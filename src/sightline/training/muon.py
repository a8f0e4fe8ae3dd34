"""Muon: gradient descent whose step turns a convolution in every direction alike.

Keras's own Muon leaves convolutions, which have four axes, to Adam.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

_MOMENTUM = 0.6
_OTHERS_MOMENTUM = 0.9
_MATRIX_SHARE = 0.4
_VECTOR_SHARE = 4.0
"""Rates of what is no convolution, over that of convolutions. Biases and the scales of
normalisation bear a tenfold rate (half a point on CIFAR-10 after three epochs)."""
_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 3


class Muon(keras.optimizers.Optimizer):
    """Orthogonal steps for convolutions, Nesterov momentum for all other weights.

    The averaged gradient of a kernel, as a matrix of (inputs, filters), is replaced by the
    nearest matrix whose directions all have one length, found by three Newton-Schulz
    iterations. A kernel's norm is kept at the square root of its number of filters, so its
    rate is an angle, and weight decay has no effect on it. From Jordan et al. 2024, "Muon:
    an optimizer for hidden layers in neural networks".

    Args:
        learning_rate: Of convolutions; 0.4 of it for matrices, four times it for vectors.
        weight_decay: Decoupled; `None` for none.
        precision: What the iterations are computed in; `"bfloat16"` is enough for a direction.
        name: Of the optimiser.
    """

    def __init__(
        self,
        learning_rate: float = 0.12,
        weight_decay: float | None = None,
        precision: str = "float32",
        name: str = "muon",
    ) -> None:
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, name=name)
        self._precision = precision
        self._averages: list[keras.Variable] = []

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Make an average for each variable."""
        if self.built:
            return
        super().build(variables)
        self._averages = self.add_optimizer_variables(variables, "average")

    def update_step(self, gradient: Any, variable: keras.Variable, learning_rate: Any) -> None:
        """Move one variable."""
        rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        average = self._averages[self._get_variable_index(variable)]
        convolves = len(variable.shape) == 4
        momentum = _MOMENTUM if convolves else _OTHERS_MOMENTUM
        self.assign(average, momentum * average + gradient)
        ahead = gradient + momentum * average
        if not convolves:
            share = _VECTOR_SHARE if len(variable.shape) < 2 else _MATRIX_SHARE
            self.assign_sub(variable, share * rate * ahead)
            return
        kernel = ops.convert_to_tensor(variable)
        kernel = kernel * (variable.shape[-1] ** 0.5 / (_norm(kernel) + keras.config.epsilon()))
        self.assign(variable, kernel - rate * orthogonal(ahead, self._precision))


def orthogonal(kernel: Any, precision: str = "float32") -> Any:
    """Return the nearest kernel, roughly, whose singular values are all one.

    Args:
        kernel: (height, width, inputs, filters).
        precision: What the iterations are computed in.
    """
    shape = kernel.shape
    matrix = ops.reshape(kernel, (-1, shape[-1]))
    wide = matrix.shape[0] < matrix.shape[1]
    matrix = ops.transpose(matrix) if wide else matrix
    # Singular values must begin at one or less.
    matrix = matrix / (_norm(matrix) + keras.config.epsilon())
    matrix = ops.cast(matrix, precision)
    first, third, fifth = _NEWTON_SCHULZ
    for _ in range(_ITERATIONS):
        gram = ops.matmul(ops.transpose(matrix), matrix)
        matrix = first * matrix + ops.matmul(matrix, third * gram + fifth * ops.matmul(gram, gram))
    matrix = ops.cast(matrix, kernel.dtype)
    return ops.reshape(ops.transpose(matrix) if wide else matrix, shape)


def _norm(value: Any) -> Any:
    return ops.sqrt(ops.sum(ops.square(value)))

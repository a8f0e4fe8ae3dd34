"""What files that run with TensorFlow have in common: batches, checks and one kind of refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import tensorflow as tf

from sightline.errors import ModelError
from sightline.inference.runner import check_pixels

_BATCH = 32


class TensorFlowGraph:
    """A function of TensorFlow from pixels to named outputs (see `inference.exported.Graph`).

    Args:
        function: From uint8 (n, height, width, channels) to a dict of tensors (n, ...).
        outputs: Name of the tensor for each output that is wanted.
        input_shape: (height, width, channels).
    """

    def __init__(
        self,
        function: Callable[[Any], Mapping[str, Any]],
        outputs: Mapping[str, str],
        *,
        input_shape: Sequence[int],
    ) -> None:
        self._function = function
        self._outputs = dict(outputs)
        self.input_shape = tuple(input_shape)

    def run(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Return float32 outputs (n, ...) for uint8 pixels (n, height, width, channels)."""
        check_pixels(pixels, self.input_shape)
        parts: dict[str, list[np.ndarray]] = {name: [] for name in self._outputs}
        # No image is a batch too: its answers have the right width.
        for start in range(0, max(1, len(pixels)), _BATCH):
            given = self._function(tf.constant(pixels[start : start + _BATCH]))
            for name, tensor in self._outputs.items():
                parts[name].append(given[tensor].numpy())
        return {name: np.concatenate(each) for name, each in parts.items()}


def use_threads(threads: int | None) -> None:
    """Let TensorFlow use so many threads; without effect once it has run something."""
    if threads is None:
        return
    with suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)


def require_outputs(outputs: Mapping[str, str], there: Mapping[str, Any], *, shown: str) -> None:
    """Refuse a file that lacks one of the outputs.

    Raises:
        ModelError: One is missing.
    """
    missing = sorted(set(outputs.values()) - set(there))
    if missing:
        raise refusal(f"{shown} has no output {', '.join(missing)}", expected=sorted(there))


def refusal(what: str, *, expected: Sequence[str] = ()) -> ModelError:
    """Return the error for a file that cannot be run."""
    return ModelError(
        f"{what}.",
        expected=f"one of {', '.join(expected)}" if expected else None,
        fix="export the model again, or take another copy of it",
        code="damaged_model",
    )

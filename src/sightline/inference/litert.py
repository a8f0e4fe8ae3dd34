"""Run a LiteRT file on the CPU. Needs no TensorFlow.

An interpreter is not safe to share between threads: each `LiteRTModel` belongs to one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from sightline.errors import ModelError
from sightline.images import Preprocessing
from sightline.inference.runner import Outputs
from sightline.models.bundle import Bundle
from sightline.predictions import Task


def available_cores() -> int:
    """Return how many CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class LiteRTModel:
    """A LiteRT graph with one input at batch 1 and named outputs.

    Batches are run image by image: on CPUs LiteRT gains nothing from batching (measured:
    338 images/s at batch 1, 295 at 32, MobileNetV2 at 224).

    Args:
        content: The file's bytes.
        outputs: Name of the tensor for each output that is wanted.
        threads: Threads of the runtime; all cores by default.

    Raises:
        ModelError: The bytes are not a graph that this runtime can run.
    """

    def __init__(
        self, content: bytes, outputs: Mapping[str, str], *, threads: int | None = None
    ) -> None:
        try:
            self._interpreter = Interpreter(
                model_content=content, num_threads=threads or available_cores()
            )
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"LiteRT cannot run this graph: {error}.",
                fix="take another copy of the model, or upgrade ai-edge-litert",
                code="damaged_model",
            ) from error
        entry = self._interpreter.get_input_details()[0]
        self._input = entry["index"]
        self._shape = tuple(int(size) for size in entry["shape"])
        details = {detail["name"]: detail for detail in self._interpreter.get_output_details()}
        missing = sorted(set(outputs.values()) - set(details))
        if missing:
            raise ModelError(
                f"The LiteRT graph has no output {', '.join(missing)}.",
                expected=f"one of {', '.join(sorted(details))}",
                code="damaged_model",
            )
        self._outputs = {
            name: (details[tensor]["index"], tuple(int(size) for size in details[tensor]["shape"]))
            for name, tensor in outputs.items()
        }

    def run(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Return each output for uint8 pixels (n, height, width, channels), stacked along n."""
        if pixels.dtype != np.uint8 or pixels.shape[1:] != self._shape[1:]:
            raise ModelError(
                f"The model was given {pixels.dtype} pixels of shape {pixels.shape}.",
                expected=f"uint8 of shape (n, {', '.join(map(str, self._shape[1:]))})",
                code="wrong_shape",
            )
        answers = {
            name: np.empty((len(pixels), *shape[1:]), np.float32)
            for name, (_, shape) in self._outputs.items()
        }
        for row in range(len(pixels)):
            self._interpreter.set_tensor(self._input, pixels[row : row + 1])
            self._interpreter.invoke()
            for name, (index, _) in self._outputs.items():
                answers[name][row] = self._interpreter.get_tensor(index)[0]
        return answers


class LiteRTRunner:
    """Runs the LiteRT twin of a bundle (see `inference.runner.Runner`)."""

    def __init__(self, bundle: Bundle, *, threads: int | None = None) -> None:
        self.classes = bundle.classes
        self.task: Task = bundle.architecture.task
        self.preprocessing: Preprocessing = bundle.preprocessing
        self.rules = bundle.rules
        self._model = LiteRTModel(bundle.twin(), bundle.twin_outputs, threads=threads)

    def run(self, pixels: np.ndarray) -> Outputs:
        """Classify uint8 pixels (n, height, width, channels)."""
        return Outputs(**self._model.run(pixels))

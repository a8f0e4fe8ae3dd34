"""Run a LiteRT file on the CPU. Needs no TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from sightline import machine
from sightline.errors import ModelError
from sightline.images import Preprocessing
from sightline.inference.runner import Outputs, check_pixels
from sightline.models.bundle import Bundle
from sightline.predictions import Task

_FEW = 2
"""Images for each interpreter from which on sharing them out pays."""
_MOST_BYTES = 512 * 2**20
"""Of graphs in memory: each interpreter keeps the weights in an order of its own."""


class LiteRTModel:
    """A LiteRT graph with one input at batch 1 and named outputs; of one thread at a time.

    Images are run one by one, because on CPUs LiteRT gains nothing from batching (measured: 338
    images/s at batch 1, 295 at 32, MobileNetV2 at 224). A few images have all threads for each;
    more are shared out to interpreters with a thread of their own, which never wait for each
    other: 1.25 times as fast on two cores, and the answers have the same bits.

    Args:
        content: The file's bytes.
        outputs: Name of the tensor for each output that is wanted.
        threads: Threads of the runtime; all cores by default.

    Attributes:
        input_shape: (height, width, channels).
        output_shapes: Shape of each output for one image.

    Raises:
        ModelError: The bytes are not a graph of this kind that the runtime can run.
    """

    def __init__(
        self, content: bytes, outputs: Mapping[str, str], *, threads: int | None = None
    ) -> None:
        self._content, self._names = content, dict(outputs)
        self._threads = threads or machine.threads()
        self._whole = _Graph(content, outputs, self._threads)
        self._shares: tuple[_Graph, ...] = ()
        self.input_shape = self._whole.input_shape
        self.output_shapes = self._whole.output_shapes

    def run(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Return each output for uint8 pixels (n, height, width, channels), stacked along n."""
        check_pixels(pixels, self.input_shape)
        answers = {
            name: np.empty((len(pixels), *shape), np.float32)
            for name, shape in self.output_shapes.items()
        }
        rows = iter(range(len(pixels)))
        graphs = self._graphs(len(pixels))
        if len(graphs) == 1:
            graphs[0].run(pixels, rows, answers)
            return answers
        with ThreadPoolExecutor(len(graphs), thread_name_prefix="litert") as pool:
            # Each takes the next row from one iterator, so none waits while there is work.
            list(pool.map(lambda graph: graph.run(pixels, rows, answers), graphs))
        return answers

    def _graphs(self, images: int) -> tuple[_Graph, ...]:
        count = min(self._threads, _MOST_BYTES // max(1, len(self._content)))
        if count < 2 or images < _FEW * count:
            return (self._whole,)
        if not self._shares:
            each = self._threads // count
            self._shares = tuple(_Graph(self._content, self._names, each) for _ in range(count))
        return self._shares


def open_litert(
    path: Path, outputs: Mapping[str, str], *, threads: int | None = None
) -> LiteRTModel:
    """Return what runs a LiteRT file; raises as `LiteRTModel`."""
    return LiteRTModel(path.read_bytes(), outputs, threads=threads)


class _Graph:
    """One interpreter."""

    def __init__(self, content: bytes, outputs: Mapping[str, str], threads: int) -> None:
        try:
            self._interpreter = Interpreter(model_content=content, num_threads=threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise _refusal(f"LiteRT cannot run this graph: {error}.") from error
        inputs = self._interpreter.get_input_details()
        if len(inputs) != 1 or not _is_one(inputs[0], np.uint8):
            raise _refusal("The LiteRT graph does not take one image of uint8 pixels.")
        details = {detail["name"]: detail for detail in self._interpreter.get_output_details()}
        missing = sorted(set(outputs.values()) - set(details))
        if missing:
            raise _refusal(
                f"The LiteRT graph has no output {', '.join(missing)}.",
                expected=f"one of {', '.join(sorted(details))}",
            )
        chosen = {name: details[tensor] for name, tensor in outputs.items()}
        if not all(_is_one(detail, np.float32) for detail in chosen.values()):
            raise _refusal("The LiteRT graph does not give float32 numbers for one image.")
        self._input = inputs[0]["index"]
        self._outputs = {name: detail["index"] for name, detail in chosen.items()}
        self.input_shape = _shape(inputs[0])
        self.output_shapes = {name: _shape(detail) for name, detail in chosen.items()}

    def run(
        self, pixels: np.ndarray, rows: Iterator[int], answers: Mapping[str, np.ndarray]
    ) -> None:
        """Fill `answers` for the rows that are still to be had."""
        for row in rows:
            self._interpreter.set_tensor(self._input, pixels[row : row + 1])
            self._interpreter.invoke()
            for name, index in self._outputs.items():
                answers[name][row] = self._interpreter.get_tensor(index)[0]


class LiteRTRunner:
    """Runs the LiteRT twin of a bundle (see `inference.runner.Runner`).

    Raises:
        ModelError: The twin cannot be run, or its shapes are not those of the bundle.
    """

    def __init__(self, bundle: Bundle, *, threads: int | None = None) -> None:
        self.classes = bundle.classes
        self.task: Task = bundle.architecture.task
        self.preprocessing: Preprocessing = bundle.preprocessing
        self.rules = bundle.rules
        held_out = bundle.held_out()
        self._familiarity = None if held_out is None else held_out.familiarity
        self._model = LiteRTModel(bundle.twin(), bundle.twin_outputs, threads=threads)
        self._check_shapes()

    def run(self, pixels: np.ndarray) -> Outputs:
        """Classify uint8 pixels (n, height, width, channels)."""
        given = self._model.run(pixels)
        known = self._familiarity
        distance = None if known is None else known.distances(given["embedding"])
        return Outputs(**given, distance=distance)

    def _check_shapes(self) -> None:
        wanted = self.preprocessing
        pixels = (wanted.height, wanted.width, wanted.channels)
        shapes, width = self._model.output_shapes, (len(self.classes),)
        if self._model.input_shape != pixels or not (
            shapes["probabilities"] == shapes["logits"] == width
        ):
            raise _refusal(
                f"The LiteRT twin takes pixels of shape {self._model.input_shape} and gives "
                f"{shapes['probabilities']} probabilities and {shapes['logits']} logits.",
                expected=f"pixels of shape {pixels}, and {width[0]} of each",
            )
        known = self._familiarity
        if known is not None and shapes.get("embedding") != known.reference.shape[1:]:
            raise _refusal(
                f"The LiteRT twin gives embeddings of shape {shapes.get('embedding')}, and those "
                f"of the training have {known.reference.shape[1:]}.",
                expected="the same shape",
            )


def _is_one(detail: Mapping[str, Any], dtype: type) -> bool:
    return len(detail["shape"]) > 1 and detail["shape"][0] == 1 and detail["dtype"] is dtype


def _shape(detail: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(int(size) for size in detail["shape"][1:])


def _refusal(what: str, *, expected: str | None = None) -> ModelError:
    return ModelError(
        what,
        expected=expected,
        fix="take another copy of the model, or upgrade ai-edge-litert",
        code="damaged_model",
    )

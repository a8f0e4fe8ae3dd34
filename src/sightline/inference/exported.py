"""Exports as runners: whatever the runtime, the same questions. Needs no TensorFlow by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

import numpy as np

from sightline.errors import ModelError, UntrustedModelError, unknown_name
from sightline.evaluation.calibration import probabilities_of
from sightline.files import load_attribute, printable
from sightline.images import Preprocessing
from sightline.inference.card import REFERENCE, ExportCard, read_card, read_card_tensors
from sightline.inference.reading import FileReader
from sightline.inference.runner import Outputs
from sightline.models.familiarity import Familiarity


class Graph(Protocol):
    """A graph in some runtime, from pixels to named outputs."""

    @property
    def input_shape(self) -> Sequence[int]:
        """Of its pixels: (height, width, channels)."""
        ...

    def run(self, pixels: np.ndarray) -> Mapping[str, np.ndarray]:
        """Return float32 outputs (n, ...) for uint8 pixels (n, height, width, channels)."""
        ...


@runtime_checkable
class OwnProcess(Protocol):
    """What a graph that runs outside of this process has besides."""

    def close(self) -> None:
        """End what runs it."""
        ...


GRAPHS: Mapping[str, str] = {
    "litert": "sightline.inference.litert:open_litert",
    "onnx": "sightline.inference.onnx:open_onnx",
    "openvino": "sightline.inference.openvino:open_openvino",
    "keras": "sightline.inference.keras_file:open_keras",
    "hdf5": "sightline.inference.keras_file:open_keras",
    "saved_model": "sightline.inference.saved_model:open_saved_model",
    "tfjs": "sightline.inference.tfjs:open_tfjs",
    "web": "sightline.inference.web:open_web",
}
"""What opens each format, as `"module:function"`: given the path, the names of the outputs and, as
the keyword `threads`, how many threads it may use, it gives a `Graph`."""

PROGRAMS = frozenset({"keras", "hdf5", "saved_model"})
"""Formats whose files are programs: they do what their maker wrote, with their user's rights."""

READERS: Mapping[str, str] = {
    "saved_model": "sightline.inference.saved_model:open_saved_model_reader",
    "web": "sightline.inference.web:web_reader",
}
"""Of formats that decode files themselves: what opens that way to an answer, as
`"module:function"`. Given the path and the preprocessing, it gives a context manager of a
`FileReader`."""


class ExportRunner:
    """Runs an export by its card (see `inference.runner.Runner`); a context manager too.

    Args:
        card: What is known of it.
        graph: Runs it.
        familiarity: The training images' embeddings, where the model knows them.

    Raises:
        ModelError: The graph takes other pixels than the card says.
    """

    def __init__(
        self, card: ExportCard, graph: Graph, familiarity: Familiarity | None = None
    ) -> None:
        self.card = card
        self.classes = card.classes
        self.task = card.task
        self.rules = card.rules
        self.preprocessing = card.preprocessing
        self._graph = graph
        self._familiarity = familiarity
        how = card.preprocessing
        if tuple(graph.input_shape) != (how.height, how.width, how.channels):
            raise _other_graph(f"takes pixels of shape {tuple(graph.input_shape)}")

    def run(self, pixels: np.ndarray) -> Outputs:
        """Classify uint8 pixels (n, height, width, channels).

        Raises:
            ModelError: The graph gives other numbers than the card says.
        """
        given = self._graph.run(pixels)
        logits, embedding = given["logits"], given.get("embedding")
        probabilities = given.get("probabilities")
        for name, values in given.items():
            if name != "embedding" and values.shape != (len(pixels), len(self.classes)):
                raise _other_graph(f"gives {name} of shape {values.shape}")
        known = None if embedding is None else self._familiarity
        if known is not None and embedding is not None and known.width != embedding.shape[1]:
            raise _other_graph(f"gives embeddings of {embedding.shape[1]} numbers")
        if probabilities is None:
            # Quantised graphs end in logits: of eight bits, most probabilities would be 0.
            temperature = np.array(self.card.temperature)
            exact = probabilities_of(logits, temperature, task=self.task)
            probabilities = exact.astype(np.float32)
        return Outputs(
            probabilities=probabilities,
            logits=logits,
            embedding=embedding,
            distance=None if known is None or embedding is None else known.distances(embedding),
        )

    def close(self) -> None:
        """End what runs it, where that is another process; its card is still known."""
        if isinstance(self._graph, OwnProcess):
            self._graph.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _other_graph(what: str) -> ModelError:
    return ModelError(
        f"The graph {what}, which is not what its card says.",
        expected="an export with its own card and arrays, as `sightline export` wrote them",
        fix="take another copy of it, or export again",
        code="bad_export",
    )


def open_graph(
    name: str, path: Path, outputs: Mapping[str, str], *, threads: int | None = None
) -> Graph:
    """Return what runs the files of a format.

    Args:
        name: Of the format.
        path: Of the export.
        outputs: Name of the tensor for each output.
        threads: Of the runtime; all cores by default.

    Raises:
        ModelError: The runtime cannot run it.
        MissingPackageError: Its runtime is not installed.
    """
    graph: Graph = load_attribute(GRAPHS[name])(path, outputs, threads=threads)
    return graph


def open_reader(
    name: str, path: Path, preprocessing: Preprocessing
) -> AbstractContextManager[FileReader]:
    """Return the way of a format from the content of files to answers.

    Args:
        name: Of the format, one of `READERS`.
        path: Of the export.
        preprocessing: The model's.

    Raises:
        MissingPackageError: What runs it is not installed.
    """
    reader: AbstractContextManager[FileReader] = load_attribute(READERS[name])(path, preprocessing)
    return reader


def open_export(path: Path, *, threads: int | None = None, trust: bool = False) -> ExportRunner:
    """Return what runs an export, once its card has vouched for its files.

    Args:
        path: Of the export.
        threads: Of the runtime; all cores by default.
        trust: Run it though its format is one of `PROGRAMS`: a card tells of damage, not of who
            made a file.

    Raises:
        UntrustedModelError: It is a program, and `trust` was not given.
        ModelError: The export, its card or its arrays are missing, damaged, or of another kind.
        MissingPackageError: Its runtime is not installed.
    """
    card = read_card(path)
    if card.format not in GRAPHS:
        raise ModelError(
            f"{printable(path)}: {unknown_name('format', card.format, GRAPHS).what}",
            fix="upgrade Sightline: pip install --upgrade sightline",
            code="bad_export",
        )
    if card.format in PROGRAMS and not trust:
        raise UntrustedModelError(
            f"{printable(path)} is a program ({card.format}): running it does what its maker "
            "wrote.",
            expected="a file that you made, or whose maker you trust",
            fix="add --trust; a .sightline, .tflite, .onnx or .xml file is data, and needs none",
        )
    reference = read_card_tensors(path).get(REFERENCE)
    familiarity = None if reference is None else Familiarity(reference=reference)
    graph = open_graph(card.format, path, card.outputs, threads=threads)
    return ExportRunner(card, graph, familiarity)

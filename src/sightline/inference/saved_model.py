"""Run an exported SavedModel: on pixels, or on files by the decoder that it brings along."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tensorflow as tf

from sightline.files import printable
from sightline.images import Preprocessing
from sightline.inference.reading import FileReader, Reading
from sightline.inference.tensorflow_graph import (
    TensorFlowGraph,
    refusal,
    require_outputs,
    use_threads,
)


def open_saved_model(
    path: Path, outputs: Mapping[str, str], *, threads: int | None = None
) -> TensorFlowGraph:
    """Return what runs a folder of versions by the signature `serving_default`.

    Args:
        path: Of the folder; its highest version counts.
        outputs: Name of the tensor for each output.
        threads: Of TensorFlow, which takes them at its start only.

    Raises:
        ModelError: The folder is damaged, or has other inputs or outputs.
    """
    use_threads(threads)
    signature = _signature(path, "serving_default")
    require_outputs(outputs, signature.structured_outputs, shown=printable(path))
    shape = signature.structured_input_signature[1]["pixels"].shape[1:]
    return TensorFlowGraph(
        lambda pixels: signature(pixels=pixels), outputs, input_shape=tuple(shape)
    )


def saved_model_reader(path: Path) -> FileReader:
    """Return the export's own way from files to answers: its decoder, and then its network.

    Args:
        path: Of the folder of versions.

    Raises:
        ModelError: The folder is damaged, or has no such signatures.
    """
    decode, serve = (_signature(path, name) for name in ("decode_bytes", "serve_bytes"))

    def read_one(data: bytes) -> Reading:
        images = tf.constant([data])
        try:
            return Reading(
                pixels=decode(image_bytes=images)["pixels"].numpy()[0],
                probabilities=serve(image_bytes=images)["probabilities"].numpy()[0],
            )
        except tf.errors.OpError as error:
            return Reading(refused=str(error.message)[:300])

    # One by one: in a batch, a file that is refused takes the others with it.
    return lambda files: [read_one(data) for data in files]


@contextmanager
def open_saved_model_reader(path: Path, preprocessing: Preprocessing) -> Iterator[FileReader]:
    """Yield `saved_model_reader(path)`; the graph knows its preprocessing itself."""
    yield saved_model_reader(path)


def _signature(path: Path, name: str) -> Any:
    """Return a signature of the highest version in a folder.

    Raises:
        ModelError: There is none.
    """
    shown = printable(path)
    versions = [each for each in path.iterdir() if each.name.isdecimal()] if path.is_dir() else []
    if not versions:
        raise refusal(f"{shown} is no folder with a numbered version in it")
    latest = max(versions, key=lambda each: int(each.name))
    try:
        signature = tf.saved_model.load(str(latest)).signatures[name]
    except Exception as error:  # TensorFlow and protobuf raise whatever they meet
        raise refusal(f"{shown} cannot be run by TensorFlow: {str(error)[:300]}") from error
    return signature

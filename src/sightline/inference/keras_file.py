"""Run an exported `.keras` or `.h5` file. Needs TensorFlow, as the file does."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import keras
import tensorflow as tf

from sightline.files import printable
from sightline.inference.tensorflow_graph import (
    TensorFlowGraph,
    refusal,
    require_outputs,
    use_threads,
)


def open_keras(
    path: Path, outputs: Mapping[str, str], *, threads: int | None = None
) -> TensorFlowGraph:
    """Return what runs a Keras file.

    Call it for files that a card vouches for: to open a stranger's is to trust it, though
    `safe_mode` refuses code.

    Args:
        path: Of the file.
        outputs: Name of the tensor for each output.
        threads: Of TensorFlow, which takes them at its start only.

    Raises:
        ModelError: The file is damaged, or has other inputs or outputs.
    """
    shown = printable(path)
    use_threads(threads)
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)  # Of HDF5, Keras tells that the model was never compiled.
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras, h5py and zipfile raise whatever they meet
        raise refusal(f"{shown} is no Keras model: {str(error)[:300]}") from error
    finally:
        logger.setLevel(level)
    if not isinstance(model.output, dict) or len(model.inputs) != 1:
        raise refusal(f"{shown} has not one input and a dict of outputs")
    require_outputs(outputs, model.output, shown=shown)
    shape = tuple(model.inputs[0].shape[1:])
    function = tf.function(
        lambda pixels: model(pixels, training=False),
        input_signature=[tf.TensorSpec((None, *shape), tf.uint8)],
    )
    return TensorFlowGraph(function, outputs, input_shape=shape)

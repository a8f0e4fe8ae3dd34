"""From a Keras model to an ONNX graph in float32: named tensors, any number of images at once.

tf2onnx turns the frozen function into ONNX operators; ONNX Runtime's own basic rewriting then
folds what it left beside the convolutions (batch normalisation of depthwise ones, padding), so
that every runtime, also one that rewrites nothing, gets the small graph. It changes no answer:
the same session would have done the same when it opened the file.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import onnx
import tensorflow as tf
import tf2onnx
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from sightline.errors import ModelError
from sightline.files import load_module

onnxruntime = load_module("onnxruntime")

OPSET = 17
"""Of the ONNX standard (2022): read by ONNX Runtime from 1.12, OpenVINO from 2023."""
PIXELS = "pixels"
"""Name of the input."""
_ERRORS = 3
"""ONNX Runtime's number for "say errors only"."""


def to_onnx(
    model: keras.Model, *, outputs: Sequence[str] = ("probabilities", "logits", "embedding")
) -> onnx.ModelProto:
    """Convert a model with a dict of outputs; uint8 pixels in, float32 numbers out.

    Args:
        model: Built by `models.build`.
        outputs: The outputs to keep, which are also the names of their tensors; what only others
            need is cut away.

    Raises:
        ModelError: The converter cannot express the model.
    """
    names = sorted(outputs)

    def answer(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        given = model(pixels, training=False)
        return {name: given[name] for name in names}

    shape = (None, *model.inputs[0].shape[1:])
    function = tf.function(answer, input_signature=[tf.TensorSpec(shape, tf.uint8, name=PIXELS)])
    with _quiet():
        try:
            graph = _rewritten(_converted(function.get_concrete_function(), names))
            onnx.checker.check_model(graph, full_check=True)
        except Exception as error:  # three libraries, each with its own, untyped family
            raise ModelError(
                f"The model cannot be converted to ONNX: {str(error)[:500]}",
                expected="a network of operators that ONNX has",
                fix="report this with the backbone and options you used",
                code="not_convertible",
            ) from error
    for tensor in (*graph.graph.input, *graph.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "n"
    return graph


def _converted(function: Any, names: Sequence[str]) -> onnx.ModelProto:
    # Frozen here: `tf2onnx.convert.from_function` takes the constants that Keras keeps outside
    # the weights, such as EfficientNet's normalisation, for inputs of the graph.
    frozen = convert_variables_to_constants_v2(
        function, lower_control_flow=False, aggressive_inlining=True
    )
    tensors = [tensor.name for tensor in frozen.outputs]  # in the order of the sorted names
    proto, _ = tf2onnx.convert.from_graph_def(
        frozen.graph.as_graph_def(),
        input_names=[f"{PIXELS}:0"],
        output_names=tensors,
        tensors_to_rename={f"{PIXELS}:0": PIXELS, **dict(zip(tensors, names, strict=True))},
        opset=OPSET,
    )
    return proto


def _rewritten(proto: onnx.ModelProto) -> onnx.ModelProto:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = _ERRORS
    with TemporaryDirectory(prefix="sightline-") as folder:
        path = Path(folder) / "rewritten.onnx"
        options.optimized_model_filepath = str(path)
        onnxruntime.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        graph = onnx.load(path)
    used = {node.domain for node in graph.graph.node}
    imports = [one for one in graph.opset_import if one.domain in used]
    del graph.opset_import[:]
    graph.opset_import.extend(imports)
    return graph


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence tf2onnx, and what is said of its own use of NumPy and TensorFlow."""
    loggers = [logging.getLogger(name) for name in ("tf2onnx", "tensorflow")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)

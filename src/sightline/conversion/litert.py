"""From a Keras model to a LiteRT graph at batch 1.

The converter is given one concrete function, not the model: it then freezes the variables
in memory instead of writing a SavedModel first, which takes 1.4 s for MobileNetV2 against
7.3 s and prints nothing. Outputs of such a graph have no signature; the converter names
them in the order of the sorted keys, `Identity`, `Identity_1`, …, and `LiteRTGraph` keeps
the mapping. `verification` catches it if that ever changes.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from sightline.errors import ModelError
from sightline.models.quantized import ranges, simulated

_OUTPUTS = ("probabilities", "logits", "embedding")

CONVERTER_VERSION = f"tensorflow {tf.__version__}"


@dataclass(frozen=True, kw_only=True)
class LiteRTGraph:
    """A LiteRT file and the names of its output tensors.

    Attributes:
        content: The file's bytes.
        outputs: Name of the tensor for each output.
    """

    content: bytes
    outputs: Mapping[str, str]


def to_litert(
    model: keras.Model,
    *,
    outputs: Sequence[str] = _OUTPUTS,
) -> LiteRTGraph:
    """Convert a model with a dict of outputs; batch 1, uint8 pixels in, float32 numbers out.

    Args:
        model: Built by `models.build`.
        outputs: The outputs to keep; what only others need is cut away.

    Raises:
        ModelError: The converter cannot express the model.
    """
    return _converted(model, outputs)


def to_litert_int8(model: keras.Model) -> LiteRTGraph:
    """Convert a model that was trained for 8 bits: kernels and values on the levels it learned.

    Args:
        model: Built by `models.build`, of an architecture that is quantised.

    Raises:
        ModelError: The converter cannot express the model.
        ValueError: The model does not know which values occur.
    """
    if not ranges(model):
        raise ValueError("a model that was not trained for 8 bits")
    optimisations = (tf.lite.Optimize.DEFAULT,)
    return _converted(simulated(model), _OUTPUTS, optimisations=optimisations)


def _converted(
    model: keras.Model, outputs: Sequence[str], *, optimisations: Sequence[Any] = ()
) -> LiteRTGraph:
    names = sorted(outputs)

    def answer(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        given = model(pixels, training=False)
        return {name: given[name] for name in names}

    shape = (1, *model.inputs[0].shape[1:])
    function = tf.function(answer, input_signature=[tf.TensorSpec(shape, tf.uint8, name="pixels")])
    with _quiet():
        try:
            converter = tf.lite.TFLiteConverter.from_concrete_functions(
                [function.get_concrete_function()]
            )
            converter.optimizations = list(optimisations)
            content = converter.convert()
        except Exception as error:  # the converter raises its own, untyped family
            raise ModelError(
                f"The model cannot be converted to LiteRT: {str(error)[:500]}",
                fix="report this with the backbone and options you used",
                code="not_convertible",
            ) from error
    tensors = ["Identity", *(f"Identity_{number}" for number in range(1, len(names)))]
    return LiteRTGraph(content=content, outputs=dict(zip(names, tensors, strict=True)))


def start_runtimes() -> None:
    """Start TensorFlow and LiteRT on a graph of one addition.

    Both write lines to standard error when they first run, which their user may want to hold
    back; this is the moment for it.
    """
    add = tf.function(lambda x: x + 1, input_signature=[tf.TensorSpec((1,), tf.float32)])
    with _quiet():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([add.get_concrete_function()])
        Interpreter(model_content=converter.convert()).allocate_tensors()


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the converter's advice to use the slower path."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # The input is uint8 pixels whatever the precision: it has no statistics.
            warnings.filterwarnings("ignore", message="Statistics for quantized inputs")
            yield
    finally:
        logger.setLevel(level)

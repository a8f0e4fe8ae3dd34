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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from sightline.errors import ModelError
from sightline.models.quantized import ranges, simulated

Precision = Literal["float32", "float16", "dynamic", "int8"]
Samples = Callable[[], Iterable[np.ndarray]]
"""Gives real pixels, one image after the other, as often as it is called."""

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
    outputs: Sequence[str] = ("probabilities", "logits", "embedding"),
    precision: Precision = "float32",
    samples: Samples | None = None,
) -> LiteRTGraph:
    """Convert a model with a dict of outputs; batch 1, uint8 pixels in, float32 numbers out.

    Args:
        model: Built by `models.build`.
        outputs: The outputs to keep; what only others need is cut away.
        precision: Of the weights: `"float16"`, `"dynamic"` (int8 weights, activations quantised
            while it runs); or of all that is computed: `"int8"`.
        samples: Gives pixels, uint8 (height, width, channels), that show int8 which values occur;
            not looked at where the model was trained for 8 bits and knows (`models.quantized`).

    Raises:
        ModelError: The converter cannot express the model.
        ValueError: `"int8"` without samples, of a model that does not know the ranges itself.
    """
    if precision == "int8":
        if ranges(model):
            model, samples = simulated(model), None
        elif samples is None:
            raise ValueError("int8 needs samples")
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
            _SETTINGS[precision](converter, samples)
            content = converter.convert()
        except Exception as error:  # the converter raises its own, untyped family
            raise ModelError(
                f"The model cannot be converted to LiteRT: {str(error)[:500]}",
                fix="report this with the backbone and options you used",
                code="not_convertible",
            ) from error
    tensors = ["Identity", *(f"Identity_{number}" for number in range(1, len(names)))]
    return LiteRTGraph(content=content, outputs=dict(zip(names, tensors, strict=True)))


def _as_it_is(converter: Any, samples: Samples | None) -> None:
    pass


def _float16(converter: Any, samples: Samples | None) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]


def _dynamic(converter: Any, samples: Samples | None) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]


def _int8(converter: Any, samples: Samples | None) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if samples is not None:
        converter.representative_dataset = lambda: ([pixels[None]] for pixels in samples())


_SETTINGS: Mapping[Precision, Callable[[Any, Samples | None], None]] = {
    "float32": _as_it_is,
    "float16": _float16,
    "dynamic": _dynamic,
    "int8": _int8,
}


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

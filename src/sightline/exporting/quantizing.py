"""A LiteRT graph in fewer bits, layer by layer. Needs no TensorFlow.

What comes before the first convolution (pixels to floats, their scaling) stays in float, and so
does what comes after the embedding: of eight bits, most probabilities would be exactly 0.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from sightline import machine
from sightline.errors import ModelError
from sightline.exporting.litert_kernels import prepared
from sightline.exporting.tuning import Layer, Statistics, TensorStatistics, Tuning, over_images
from sightline.files import load_module

_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_STATIC = (
    *_WEIGHTED,
    *("ADD", "MUL", "SUB", "LOGISTIC", "HARD_SWISH", "MEAN", "RESHAPE"),
    *("CONCATENATION", "MAX_POOL_2D", "AVERAGE_POOL_2D", "PAD"),
)
# Depthwise kernels hold a hundredth of the weights and, with the normalisation folded into them,
# most of the error: |Δp| up to 0.027 with them and 0.003 without (fine-tuned MobileNetV2).
_HALVED = ("CONV_2D", "FULLY_CONNECTED")
_AS_USUAL = Tuning()


def layers(content: bytes, outputs: Mapping[str, str]) -> tuple[Layer, ...]:
    """Return the operations that may have fewer bits, in their order.

    Args:
        content: A LiteRT file.
        outputs: Name of the tensor for each output.
    """
    interpreter = _interpreter(content)
    tensors = {one["index"]: one for one in interpreter.get_tensor_details()}
    weighted: set[int] = set()  # what hangs on a layer with weights
    judged: set[int] = set()  # what hangs on the embedding
    found = []
    for operation in _operations(interpreter):
        inputs, given = set(operation["inputs"]), set(operation["outputs"])
        named = {tensors[index]["name"] for index in given} & set(outputs.values())
        after = bool(inputs & judged or named)
        kind = operation["op_name"]
        if kind in _WEIGHTED or inputs & weighted:
            weighted |= given
            floats = all(tensors[index]["dtype"] is np.float32 for index in given)
            name = tensors[operation["outputs"][0]]["name"]
            if floats and kind in _STATIC:
                weights = kind in _WEIGHTED
                layer = Layer(
                    name=name, kind=kind, title=_title(name), weighted=weights, after=after
                )
                found.append(layer)
        if after:
            judged |= given
    return tuple(found)


def _title(name: str) -> str:
    # The tensor's name lists all that was fused into it.
    first = name.partition(";")[0]
    return "/".join(first.split("/")[1:]) or first


def tensor_statistics(content: bytes, samples: Iterable[np.ndarray]) -> Statistics:
    """Return what images show of all values (`tuning.over_images`).

    Args:
        content: A LiteRT file in float32.
        samples: Real pixels, uint8 (height, width, channels).
    """
    interpreter = _interpreter(content, keep=True)
    tensors = {one["index"]: one for one in interpreter.get_tensor_details()}
    asked = [
        index
        for operation in _operations(interpreter)
        for index in operation["outputs"]
        if tensors[index]["dtype"] is np.float32
    ]
    (pixels,) = interpreter.get_input_details()

    def shown(image: np.ndarray) -> list[TensorStatistics]:
        interpreter.set_tensor(pixels["index"], image[None])
        interpreter.invoke()
        return [TensorStatistics.of(interpreter.get_tensor(index)) for index in asked]

    return over_images([tensors[index]["name"] for index in asked], map(shown, samples))


def to_int8(
    content: bytes, outputs: Mapping[str, str], statistics: Statistics, tuning: Tuning = _AS_USUAL
) -> bytes:
    """Return a graph whose kernels and values have 8 bits, but for its ends.

    Args:
        content: A LiteRT file in float32.
        outputs: Name of the tensor for each output.
        statistics: Of `tensor_statistics`.
        tuning: How else.

    Raises:
        MissingPackageError: The extra `quantize` is not installed.
        ModelError: The graph cannot be quantised.
    """
    kinds = _kinds()
    recipe = kinds.recipe()
    quantised = [one for one in layers(content, outputs) if one.name not in tuning.in_float]
    inner = {one.name for one in quantised if one.weighted and not one.after}
    content = prepared(content, inner, statistics, tuning.rounding)
    for layer in quantised:
        if not layer.after:
            recipe.add_static_config(
                _exactly(layer), kinds.operation(layer), 8, 8, algorithm_key=kinds.minmax
            )
        elif layer.weighted:
            recipe.add_dynamic_config(_exactly(layer), kinds.operation(layer), 8)
    # Every grid has to have a point at zero.
    known = {
        name: {"min": np.array([min(one.low, 0.0)]), "max": np.array([max(one.high, 0.0)])}
        for name, one in statistics.items()
    }
    return kinds.quantized(content, recipe, known)


def to_dynamic(
    content: bytes, outputs: Mapping[str, str], statistics: Statistics | None = None
) -> bytes:
    """Return a graph whose kernels have 8 bits, and whose values get them while it runs.

    Args:
        content: A LiteRT file in float32.
        outputs: Name of the tensor for each output.
        statistics: Of `tensor_statistics`, so that biases make up for what rounded kernels add.

    Raises:
        MissingPackageError, ModelError: As `to_int8`.
    """
    kinds = _kinds()
    recipe = kinds.recipe()
    weighted = [layer for layer in layers(content, outputs) if layer.weighted]
    if statistics is not None:
        names = {layer.name for layer in weighted}
        content = prepared(content, names, statistics, "minmax", whole_biases=False)
    for layer in weighted:
        recipe.add_dynamic_config(_exactly(layer), kinds.operation(layer), 8)
    return kinds.quantized(content, recipe, None)


def to_float16(content: bytes, outputs: Mapping[str, str]) -> bytes:
    """Return a graph whose large kernels are kept in 16 bits; it computes in float32.

    Raises:
        MissingPackageError, ModelError: As `to_int8`.
    """
    kinds = _kinds()
    recipe = kinds.recipe()
    for layer in layers(content, outputs):
        if layer.kind in _HALVED:
            recipe.add_quantization_config(
                _exactly(layer), kinds.operation(layer), kinds.halved, kinds.casting
            )
    return kinds.quantized(content, recipe, None)


@dataclass(frozen=True, kw_only=True)
class _Kinds:
    """What is used of the quantiser's words."""

    package: Any

    @property
    def minmax(self) -> Any:
        return self.package.algorithm_manager.AlgorithmName.MIN_MAX_UNIFORM_QUANT

    @property
    def casting(self) -> Any:
        return self.package.algorithm_manager.AlgorithmName.FLOAT_CASTING

    @property
    def halved(self) -> Any:
        words = self.package.qtyping
        return words.OpQuantizationConfig(
            weight_tensor_config=words.TensorQuantizationConfig(
                num_bits=16, dtype=words.TensorDataType.FLOAT
            ),
            compute_precision=words.ComputePrecision.FLOAT,
            explicit_dequantize=True,
        )

    def recipe(self) -> Any:
        return self.package.recipe_manager.RecipeManager()

    def operation(self, layer: Layer) -> Any:
        return self.package.qtyping.TFLOperationName(layer.kind)

    def quantized(self, content: bytes, recipe: Any, ranges: Any) -> bytes:
        words: Sequence[Any] = recipe.get_quantization_recipe()
        try:
            with _quiet():
                quantizer = self.package.quantizer.Quantizer(bytearray(content), words)
                return bytes(quantizer.quantize(ranges).quantized_model)
        except (ValueError, RuntimeError, KeyError, NotImplementedError) as error:
            raise _not_quantisable(error) from error


def _not_quantisable(error: Exception) -> ModelError:
    return ModelError(
        f"The network cannot be quantised: {str(error)[:500]}",
        fix="take another precision, or report this with the backbone you used",
        code="not_convertible",
    )


def _kinds() -> _Kinds:
    for module in ("quantizer", "recipe_manager", "algorithm_manager", "qtyping"):
        load_module(f"ai_edge_quantizer.{module}", purpose="make exports of fewer bits")
    return _Kinds(package=load_module("ai_edge_quantizer"))


def _exactly(layer: Layer) -> str:
    return f"^{re.escape(layer.name)};?$"


def _interpreter(content: bytes, *, keep: bool = False) -> Any:
    try:
        with _quiet():
            interpreter = Interpreter(
                model_content=content,
                num_threads=machine.threads(),
                experimental_preserve_all_tensors=keep,
            )
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise _not_quantisable(error) from error
    return interpreter


def _operations(interpreter: Any) -> Iterator[Mapping[str, Any]]:
    # What a delegate has taken over stands in the list a second time, as one operation.
    for operation in interpreter._get_ops_details():
        if operation["op_name"] != "DELEGATE":
            yield operation


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back progress bars, sizes, and the warning that all tensors are kept."""
    silent = io.StringIO()
    with warnings.catch_warnings(), redirect_stdout(silent), redirect_stderr(silent):
        warnings.simplefilter("ignore")
        yield

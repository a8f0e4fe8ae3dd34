"""LiteRT (TensorFlow Lite): the bundle's twin as it is, or with fewer bits. Needs no TensorFlow.

But for one: a network that was trained for 8 bits is converted anew, by TensorFlow, which reads the
ranges that it learned with from the network itself.

The file tells of itself three times: in the words of TensorFlow Lite's metadata, which other
programs know; as an entry of our own; and as files that any program for zip archives takes out of
it (`unzip -p model.tflite labels.txt`), to which the first refers.
Source: tensorflow.org/lite/models/metadata.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from sightline.errors import ModelError
from sightline.exporting import tflite_metadata
from sightline.exporting.formats import Converted, Precision, Samples
from sightline.exporting.quantizing import (
    layers,
    tensor_statistics,
    to_dynamic,
    to_float16,
    to_int8,
)
from sightline.exporting.tflite_file import read_graph, written
from sightline.exporting.tuning import Layer, Statistics, Tuning
from sightline.files import load_attribute
from sightline.inference import LiteRTModel
from sightline.models.bundle import Bundle

SUFFIX = ".tflite"
_METADATA = b"sightline"
_SIGNATURE = b"serving_default"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can state


def convert(bundle: Bundle, precision: Precision, samples: Samples | None) -> Converted:
    """Return a bundle's network as a LiteRT file.

    Args:
        bundle: The model.
        precision: One of the format's.
        samples: Training images: `"int8"` needs them for a network that was not trained for it,
            and `"dynamic"` is nearer to its source with them.

    Raises:
        MissingPackageError: The extra `quantize` is not installed and the precision is not float32;
            or TensorFlow is not, and the network was trained for 8 bits.
        ModelError: The network cannot be quantised.
    """
    if precision.learned and bundle.architecture.quantized:
        model = load_attribute("sightline.models.restore:restore")(bundle)
        graph = load_attribute("sightline.conversion:to_litert_int8")(model)
        return Converted(files={SUFFIX: graph.content}, outputs=graph.outputs)
    content = _CONVERTERS[precision.name](bundle, precision.tuning, samples)
    return Converted(files={SUFFIX: content}, outputs=bundle.twin_outputs)


def _int8(bundle: Bundle, tuning: Tuning, samples: Samples | None) -> bytes:
    twin = bundle.twin()
    statistics = tuning.statistics or tensor_statistics(twin, (samples or tuple)())
    return to_int8(twin, bundle.twin_outputs, statistics, tuning)


def _dynamic(bundle: Bundle, tuning: Tuning, samples: Samples | None) -> bytes:
    twin = bundle.twin()
    statistics = None if samples is None else tensor_statistics(twin, samples())
    return to_dynamic(twin, bundle.twin_outputs, statistics)


_CONVERTERS: Mapping[str, Callable[[Bundle, Tuning, Samples | None], bytes]] = {
    "float32": lambda bundle, tuning, samples: bundle.twin(),
    "float16": lambda bundle, tuning, samples: to_float16(bundle.twin(), bundle.twin_outputs),
    "dynamic": _dynamic,
    "int8": _int8,
}


class Tunable:
    """A bundle's twin, which can be given 8 bits in several ways (`tuning.TunableGraph`).

    Args:
        bundle: The model.
        precision: That of 8 bits.
    """

    def __init__(self, bundle: Bundle, precision: Precision) -> None:
        self._content, self._outputs = bundle.twin(), bundle.twin_outputs
        self.layers: tuple[Layer, ...] = layers(self._content, self._outputs)

    def statistics(self, samples: Iterable[np.ndarray]) -> Statistics:
        """Return those of all values (`quantizing.tensor_statistics`)."""
        return tensor_statistics(self._content, samples)

    def logits(self, pixels: np.ndarray, tuning: Tuning | None = None) -> np.ndarray:
        """Return logits, float32 (n, k); raises as `quantizing.to_int8`."""
        content = self._content
        if tuning is not None:
            content = to_int8(content, self._outputs, tuning.statistics or {}, tuning)
        return LiteRTModel(content, {"logits": self._outputs["logits"]}).run(pixels)["logits"]


def embed(files: Mapping[str, bytes], description: str) -> Mapping[str, bytes]:
    """Return the file with what its card tells: metadata, names of the outputs, the temperature.

    Args:
        files: The export's one file.
        description: `ExportCard.description` as JSON.

    Raises:
        ModelError: The graph has another temperature than the card, in a place that is not known.
    """
    told = json.loads(description)
    model = read_graph(files[SUFFIX])
    _set_temperature(model, told)
    _name_outputs(model, told["outputs"])
    _add_metadata(model, _METADATA, description.encode())
    _add_metadata(model, tflite_metadata.ENTRY, tflite_metadata.metadata(told, _ordered(model)))
    content = written(model)
    labels = "".join(f"{name}\n" for name in told["classes"])
    return {
        SUFFIX: _with_members(
            content, {tflite_metadata.LABELS: labels, "sightline.json": description}
        )
    }


def described(files: Mapping[str, bytes]) -> str | None:
    """Return the description that a LiteRT file holds; None where it holds none.

    Args:
        files: The file, by its suffix.

    Raises:
        ModelError: It is no LiteRT file.
    """
    model = read_graph(files[SUFFIX])
    for entry in model.metadata or []:
        if entry.name == _METADATA:
            return bytes(model.buffers[entry.buffer].data).decode()
    return None


def _name_outputs(model: Any, outputs: Mapping[str, str]) -> None:
    """Give the graph a signature, so that clients find its outputs by name."""
    graph = model.subgraphs[0]
    places = {graph.tensors[index].name.decode(): index for index in graph.outputs}
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = _SIGNATURE, 0
    signature.inputs = [_mapped("pixels", graph.inputs[0])]
    signature.outputs = [_mapped(name, places[tensor]) for name, tensor in sorted(outputs.items())]
    model.signatureDefs = [signature]


def _ordered(model: Any) -> list[str]:
    """Return what the signature calls each output of the graph, in the graph's order."""
    names = {one.tensorIndex: one.name.decode() for one in model.signatureDefs[0].outputs}
    return [names.get(index, "") for index in model.subgraphs[0].outputs]


def _add_metadata(model: Any, name: bytes, content: bytes) -> None:
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(content, np.uint8)
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = name, len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]


def _mapped(name: str, index: int) -> Any:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name.encode(), index
    return entry


def _set_temperature(model: Any, told: Mapping[str, Any]) -> None:
    """Let the graph divide by the card's temperature: it multiplies its logits by the inverse."""
    if "probabilities" not in told["outputs"]:
        return
    wanted = (1 / np.array(told["temperature"], np.float32)).astype(np.float32)
    factor = _factor_of_logits(model, told["outputs"]["logits"])
    found = np.ones(1, np.float32)
    if factor is not None:
        found = np.frombuffer(bytes(factor.data), np.float32)
    if np.allclose(found, wanted, rtol=1e-6, atol=0):
        return
    if factor is None:
        raise ModelError(
            "The graph has no temperature that could be set.",
            expected="logits that are multiplied by a constant before softmax or sigmoid",
            fix="report this with the backbone and options you used",
            code="not_convertible",
        )
    factor.data = np.frombuffer(np.broadcast_to(wanted, found.shape).tobytes(), np.uint8)


def _factor_of_logits(model: Any, name: str) -> Any:
    graph = model.subgraphs[0]
    for operation in graph.operators:
        code = model.operatorCodes[operation.opcodeIndex].builtinCode
        names = [graph.tensors[index].name.decode() for index in operation.inputs]
        if code == schema.BuiltinOperator.MUL and name in names:
            other = operation.inputs[1 - names.index(name)]
            return model.buffers[graph.tensors[other].buffer]
    return None


def _with_members(content: bytes, members: Mapping[str, str]) -> bytes:
    stream = io.BytesIO(content)
    with zipfile.ZipFile(stream, "a") as archive:  # behind what is there
        for name, text in members.items():
            archive.writestr(zipfile.ZipInfo(name, date_time=_EPOCH), text)
    return stream.getvalue()

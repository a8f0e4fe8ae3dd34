"""TensorFlow.js: a graph model, written from the frozen graph by the format's own rules.

The official converter cannot be installed beside this TensorFlow, and needs little: the graph as
JSON, the constants in shards of 4 MB, and a list of both (`model.json`).

Source of the format: tensorflow/tfjs, tfjs-core/src/io/types.ts (`ModelJSON`,
`WeightsManifestConfig`) and tfjs-converter's write_weights.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sightline.exporting.formats import Converted, Precision, Samples
from sightline.files import load_attribute
from sightline.images import Preprocessing
from sightline.models.bundle import Bundle

MODEL = "model.json"
PREPROCESS = Path(__file__).with_name("site") / "preprocess.js"
"""Makes a model's pixels, in any program that runs JavaScript."""
KEY = "sightline"
"""Of what Sightline says of a model, in its `userDefinedMetadata`."""

_SHARD_BYTES = 4 * 2**20
"""What browsers keep in their caches."""
_LARGEST_HALF = float(np.finfo(np.float16).max)


def convert(bundle: Bundle, precision: Precision, samples: Samples | None) -> Converted:
    """Return a bundle's network as a graph model, with the module that makes its pixels.

    Args:
        bundle: The model.
        precision: One of the format's.
        samples: Not needed.

    Raises:
        MissingPackageError: TensorFlow is not installed.
        ModelError: The graph cannot be frozen.
    """
    model = load_attribute("sightline.models.restore:restore")(bundle)
    frozen = load_attribute("sightline.conversion.frozen:freeze")(model, outputs=precision.outputs)
    files = graph_model(
        frozen.graph,
        frozen.constants,
        signature=_signature(frozen.input, frozen.outputs, bundle.preprocessing),
        producer=frozen.producer,
        half=precision.name == "float16",
    )
    return Converted(
        files={**files, PREPROCESS.name: PREPROCESS.read_bytes()}, outputs=frozen.outputs
    )


def _signature(
    pixels: str, outputs: Mapping[str, str], preprocessing: Preprocessing
) -> dict[str, Any]:
    # TensorFlow.js has no tensors of uint8: it makes int32 of this type, and of such arrays.
    sizes = (-1, preprocessing.height, preprocessing.width, preprocessing.channels)
    shape = {"dim": [{"size": str(size)} for size in sizes]}
    return {
        "inputs": {"pixels": {"name": pixels, "dtype": "DT_UINT8", "tensorShape": shape}},
        "outputs": {
            name: {"name": tensor, "dtype": "DT_FLOAT"} for name, tensor in outputs.items()
        },
    }


def graph_model(
    graph: Mapping[str, Any],
    constants: Mapping[str, np.ndarray],
    *,
    signature: Mapping[str, Any],
    producer: str,
    half: bool,
) -> dict[str, bytes]:
    """Return the files of a graph model by name.

    Args:
        graph: A GraphDef as JSON values; its `Const` nodes hold no values.
        constants: These values by node name: float32, int32 or bool.
        signature: Inputs and outputs, as `ModelJSON` has them.
        producer: What made the graph.
        half: Store kernels in float16; a runtime computes with them in float32.
    """
    exact = {node["input"][1] for node in graph["node"] if "Depthwise" in node["op"]}
    manifest: list[dict[str, Any]] = []
    content = bytearray()
    for name, value in constants.items():
        entry: dict[str, Any] = {
            "name": name,
            "shape": list(value.shape),
            "dtype": value.dtype.name,
        }
        stored = np.asarray(value)
        # Kernels of depthwise convolutions are small, and their rounding would count most.
        if half and name not in exact and _fits_half(stored):
            entry["quantization"] = {"dtype": "float16", "original_dtype": "float32"}
            stored = stored.astype(np.float16)
        manifest.append(entry)
        content += stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    shards = [content[at : at + _SHARD_BYTES] for at in range(0, len(content), _SHARD_BYTES)]
    names = [f"group1-shard{number}of{len(shards)}.bin" for number in range(1, len(shards) + 1)]
    model = {
        "format": "graph-model",
        "generatedBy": producer,
        "convertedBy": "Sightline",
        "signature": signature,
        "modelTopology": graph,
        "weightsManifest": [{"paths": names, "weights": manifest}],
    }
    return {
        MODEL: _compact(model),
        **{name: bytes(shard) for name, shard in zip(names, shards, strict=True)},
    }


def embed(files: Mapping[str, bytes], description: str) -> dict[str, bytes]:
    """Return the files with `description` in the model's own metadata, under "sightline"."""
    model = json.loads(files[MODEL])
    model["userDefinedMetadata"] = {**model.get("userDefinedMetadata", {}), KEY: description}
    return {**files, MODEL: _compact(model)}


def _fits_half(value: np.ndarray) -> bool:
    # Vectors (biases, scales) take no room.
    return value.dtype == np.float32 and value.ndim > 1 and np.abs(value).max() < _LARGEST_HALF


def _compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()

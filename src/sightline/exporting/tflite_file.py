"""LiteRT files as objects that can be changed."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from ai_edge_litert.tools import flatbuffer_utils

from sightline.errors import ModelError


def read_graph(content: bytes) -> Any:
    """Return a LiteRT file as a `schema_py_generated.ModelT`, its buffers as arrays of uint8.

    Raises:
        ModelError: It is no LiteRT file.
    """
    try:
        model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
        for buffer in model.buffers:
            if buffer.data is not None:
                # Else each byte is written on its own: a minute for ten million of them.
                buffer.data = np.frombuffer(bytes(buffer.data), np.uint8)
        return model
    except (struct.error, ValueError, TypeError, IndexError) as error:
        raise ModelError(
            f"This is no LiteRT file: {str(error)[:200]}.",
            expected="a whole .tflite file",
            fix="take another copy of it, or export again",
            code="damaged_model",
        ) from error


def written(model: Any) -> bytes:
    """Return a `ModelT` as a file."""
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))

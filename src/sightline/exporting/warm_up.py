"""Requests that TensorFlow Serving runs before a model gets its first client.

Serving reads `assets.extra/tf_serving_warmup_requests`, a TFRecord of `PredictionLog` messages, at
most 1,000 (tensorflow_serving/apis: prediction_log.proto, predict.proto, model.proto). Those
messages come with another package, so their few fields are written here:

    PredictionLog.predict_log = 6; PredictLog.request = 1
    PredictRequest.model_spec = 1, PredictRequest.inputs = 2 (a map: key = 1, value = 2)
    ModelSpec.signature_name = 3
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

NAME = "tf_serving_warmup_requests"


def prediction_log(signature: str, inputs: dict[str, Any]) -> bytes:
    """Return one `PredictionLog` that calls a signature.

    Args:
        signature: Its name.
        inputs: A `TensorProto` for each of its inputs.
    """
    request = _field(1, _field(3, signature.encode()))
    for name, tensor in inputs.items():
        request += _field(2, _field(1, name.encode()) + _field(2, tensor.SerializeToString()))
    return _field(6, _field(1, request))


def write_requests(path: Path, requests: list[bytes]) -> None:
    """Write messages as a TFRecord."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for request in requests:
            writer.write(request)


def _field(number: int, content: bytes) -> bytes:
    """Return a field of bytes: its number and wire type 2, its length, itself."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    digits = []
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])

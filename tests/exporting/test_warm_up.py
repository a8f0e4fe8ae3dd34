"""The warm-up requests, read back by protobuf from a description of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from sightline.exporting.saved_model import _warm_up
from sightline.exporting.warm_up import write_requests
from sightline.images import Preprocessing

# Message: fields of (name, number, type, message, repeated).
Field = descriptor_pb2.FieldDescriptorProto
MESSAGES = {
    "ModelSpec": [("signature_name", 3, "TYPE_STRING", "", False)],
    "Entry": [("key", 1, "TYPE_STRING", "", False), ("value", 2, "TYPE_BYTES", "", False)],
    "PredictRequest": [
        ("model_spec", 1, "TYPE_MESSAGE", "ModelSpec", False),
        ("inputs", 2, "TYPE_MESSAGE", "Entry", True),
    ],
    "PredictLog": [("request", 1, "TYPE_MESSAGE", "PredictRequest", False)],
    "PredictionLog": [("predict_log", 6, "TYPE_MESSAGE", "PredictLog", False)],
}


def prediction_log() -> type:
    file = descriptor_pb2.FileDescriptorProto(name="serving.proto", package="t", syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, of, repeated in fields:
            added = message.field.add(name=field, number=number, type=Field.Type.Value(kind))
            added.label = Field.Label.Value("LABEL_REPEATED" if repeated else "LABEL_OPTIONAL")
            if of:
                added.type_name = f".t.{of}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.PredictionLog"))


def test_serving_reads_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "requests"
    write_requests(path, _warm_up(Preprocessing(height=300, width=20)))
    read = prediction_log()
    logs = [read.FromString(each.numpy()) for each in tf.data.TFRecordDataset(str(path))]
    requests = [log.predict_log.request for log in logs]
    names = [request.model_spec.signature_name for request in requests]
    assert names == ["serving_default", "serve_bytes"]
    tensors = {
        entry.key: tf.make_ndarray(type(tf.make_tensor_proto(0)).FromString(entry.value))
        for request in requests
        for entry in request.inputs
    }
    assert tensors["pixels"].shape == (1, 300, 20, 3) and tensors["pixels"].dtype == np.uint8
    assert [data[:4] for data in tensors["image_bytes"]] == [b"\xff\xd8\xff\xe0", b"\x89PNG"]

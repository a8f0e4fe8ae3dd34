"""A TensorFlow SavedModel in the layout that TensorFlow Serving watches: a folder of versions.

Signatures: `serving_default` takes uint8 pixels; `serve_bytes` the content of JPEG and PNG files
and answers in words; `decode_bytes` shows the pixels that it makes of them. The input of files is
called `image_bytes`, so that REST clients send `{"b64": "..."}`. Needs no Sightline to run.

The same bundle gives other bytes in `saved_model.pb` each time (TensorFlow numbers functions within
the process) and in `fingerprint.pb`; variables and assets are the same.
"""

from __future__ import annotations

import io
import json
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from PIL import Image

from sightline.exporting.formats import Converted, Precision, Samples
from sightline.exporting.graph_decoding import decode
from sightline.exporting.warm_up import NAME, prediction_log, write_requests
from sightline.images import Preprocessing
from sightline.models.bundle import Bundle
from sightline.models.restore import restore

VERSION = "1"
EXTRA = f"{VERSION}/assets.extra"
_OUTPUTS = ("probabilities", "logits", "embedding")


def convert(bundle: Bundle, precision: Precision, samples: Samples | None) -> Converted:
    """Return a bundle's network as a SavedModel with its decoder.

    Args:
        bundle: The model.
        precision: float32.
        samples: Not needed.

    Raises:
        ModelError: The bundle's weights do not fit its architecture.
    """
    model = restore(bundle)
    with tempfile.TemporaryDirectory() as folder:
        version = Path(folder) / VERSION
        classes = Path(folder) / "classes.json"
        classes.write_text(json.dumps(list(bundle.classes)))
        servable = _Servable(model, bundle, classes)
        with _quiet():
            tf.saved_model.save(servable, str(version), signatures=servable.signatures())
        extra = Path(folder) / EXTRA
        extra.mkdir()
        write_requests(extra / NAME, _warm_up(bundle.preprocessing))
        files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(version.rglob("*"))
            if path.is_file()
        }
    return Converted(files=files, outputs={name: name for name in _OUTPUTS})


def embed(files: Mapping[str, bytes], description: str) -> Mapping[str, bytes]:
    """Return the files with the description among the extra assets, `sightline.json`."""
    return {**files, f"{EXTRA}/sightline.json": description.encode()}


class _Servable(tf.Module):
    """What is saved: the variables, the class names as a file, and functions of them."""

    def __init__(self, model: keras.Model, bundle: Bundle, classes: Path) -> None:
        super().__init__(name="sightline")
        # Variables alone: a Keras model would bring along how it was built.
        self.weights = [variable.value for variable in model.variables]
        self.classes_file = tf.saved_model.Asset(str(classes))
        self._model: Callable[[Any], Any] = lambda pixels: model(pixels, training=False)
        self._classes = [name.encode("utf-8", "surrogateescape") for name in bundle.classes]
        self._preprocessing = bundle.preprocessing
        # Traced once for both signatures, and as it is written: rewriting it would take three
        # times as long, and it says its branches and loops by itself.
        self._decode = tf.function(
            lambda files: decode(files, bundle.preprocessing),
            input_signature=[tf.TensorSpec((None,), tf.string)],
            autograph=False,
        )

    def signatures(self) -> dict[str, Any]:
        """Return the functions by the names of their signatures."""
        wanted = self._preprocessing
        shape = (None, wanted.height, wanted.width, wanted.channels)
        pixels = tf.TensorSpec(shape, tf.uint8, name="pixels")
        encoded = tf.TensorSpec((None,), tf.string, name="image_bytes")
        return {
            "serving_default": tf.function(self._serve, input_signature=[pixels], autograph=False),
            "serve_bytes": tf.function(
                self._serve_bytes, input_signature=[encoded], autograph=False
            ),
            "decode_bytes": tf.function(
                self._decode_bytes, input_signature=[encoded], autograph=False
            ),
        }

    def _serve(self, pixels: Any) -> dict[str, Any]:
        given = self._model(pixels)
        return {name: given[name] for name in _OUTPUTS}

    def _serve_bytes(self, image_bytes: Any) -> dict[str, Any]:
        probabilities = self._model(self._decode(image_bytes))["probabilities"]
        # Of equals the first comes first, as everywhere.
        order = tf.argsort(probabilities, axis=1, direction="DESCENDING", stable=True)
        return {
            "classes": tf.gather(tf.constant(self._classes), order),
            "scores": tf.gather(probabilities, order, batch_dims=1),
            "probabilities": probabilities,
        }

    def _decode_bytes(self, image_bytes: Any) -> dict[str, Any]:
        return {"pixels": self._decode(image_bytes)}


def _warm_up(preprocessing: Preprocessing) -> list[bytes]:
    """Return a request for pixels, and one for a JPEG and a PNG."""
    shape = (1, preprocessing.height, preprocessing.width, preprocessing.channels)
    # One value stands for all where the rest is left out (tensor.proto).
    blank = tf.make_tensor_proto([255], tf.uint8)
    black = type(blank)(
        dtype=blank.dtype, tensor_shape=tf.TensorShape(shape).as_proto(), int_val=[0]
    )
    files = tf.make_tensor_proto([_picture("JPEG"), _picture("PNG")], tf.string)
    return [
        prediction_log("serving_default", {"pixels": black}),
        prediction_log("serve_bytes", {"image_bytes": files}),
    ]


def _picture(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (64, 48), (120, 130, 140)).save(stream, kind)
    return stream.getvalue()


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what TensorFlow tells of its assets."""
    loggers = [logging.getLogger(name) for name in ("absl", "tensorflow")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)

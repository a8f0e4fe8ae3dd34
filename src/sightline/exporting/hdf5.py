"""Keras's legacy file, one HDF5 file (`.h5`), for programs that read no `.keras` yet."""

from __future__ import annotations

import io
import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import h5py

from sightline.exporting.formats import Converted, Precision, Samples
from sightline.exporting.stock import stock_model
from sightline.models.bundle import Bundle

SUFFIX = ".h5"
ATTRIBUTE = "sightline"
_OUTPUTS = ("probabilities", "logits", "embedding")


def convert(bundle: Bundle, precision: Precision, samples: Samples | None) -> Converted:
    """Return a bundle's network as an `.h5` file, of stock layers only.

    Args:
        bundle: The model.
        precision: float32.
        samples: Not needed.

    Raises:
        ModelError: The bundle's weights do not fit its architecture.
    """
    model = stock_model(bundle)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model{SUFFIX}"
        with _quiet():
            model.save(path)
        content = path.read_bytes()
    return Converted(files={SUFFIX: content}, outputs={name: name for name in _OUTPUTS})


def embed(files: Mapping[str, bytes], description: str) -> Mapping[str, bytes]:
    """Return the files with the description as an attribute of the root, `sightline`."""
    stream = io.BytesIO(files[SUFFIX])
    with h5py.File(stream, "r+") as file:
        # A text of variable length: one of fixed length may have 64 KB at most.
        file.attrs[ATTRIBUTE] = description
    return {SUFFIX: stream.getvalue()}


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Keras's advice against the format that was asked for."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)

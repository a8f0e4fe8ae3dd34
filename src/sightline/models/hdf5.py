"""Open HDF5 weight files from strangers without letting them reach anything else.

HDF5 can point at other files, compress a terabyte into a kilobyte and store references:
weight files need none of it, so all of it is refused before a number is read
(CVE-2026-0897, CVE-2026-1669). Needs h5py, which comes with Keras.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from sightline.errors import ModelError, UnsafeModelError
from sightline.files import printable

_MOST_OBJECTS = 100_000
_DEEPEST = 32
_BROKEN = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError)


@dataclass(frozen=True, kw_only=True)
class StoredLayer:
    """The weights of one layer as a file holds them.

    Attributes:
        name: The layer's name in the file.
        tensors: Its weights in the file's order.
    """

    name: str
    tensors: tuple[np.ndarray, ...]


def is_hdf5(path: Path) -> bool:
    """Return whether `path` is an HDF5 file that is not visibly truncated."""
    try:
        with h5py.File(path, "r"):
            return True
    except OSError:
        return False


def read_layers(path: Path) -> tuple[list[StoredLayer], bool]:
    """Return the layers with weights, in the file's order.

    Reads what Keras's `save_weights` writes as `.weights.h5`, and the older `.h5` layout
    with or without the model around it.

    Args:
        path: The file.

    Returns:
        The layers, and whether their names are the layers' own (the older layout) rather
        than the class and number that `.weights.h5` writes.

    Raises:
        UnsafeModelError: The file links to others or holds more than it has bytes for.
        ModelError: The file is damaged or holds no weights.
    """
    with _open(path) as file:
        _check_structure(file, path)
        group = file.get("model_weights", file)
        if "layer_names" in group.attrs or "layer_names0" in group.attrs:
            layers, own_names = _older_layout(group), True
        elif "layers" in file:
            layers, own_names = _newer_layout(file["layers"]), False
        else:
            raise _no_weights(path)
    if not layers:
        raise _no_weights(path)
    return layers, own_names


@contextmanager
def _open(path: Path) -> Iterator[h5py.File]:
    try:
        with h5py.File(path, "r") as file:
            yield file
    except _BROKEN as error:
        raise ModelError(
            f"{printable(path)} is not a readable HDF5 file: {error}.",
            expected="a whole .weights.h5 or .h5 file",
            fix="take another copy of the file",
            code="damaged_model",
        ) from error


def _check_structure(file: h5py.File, path: Path) -> None:
    """Refuse links, foreign storage, object types and declared bytes beyond the file's own."""
    declared = 0
    for number, (name, thing) in enumerate(_walk(file, path)):
        if number > _MOST_OBJECTS:
            raise _unsafe(path, f"it holds more than {_MOST_OBJECTS} objects")
        if not isinstance(thing, h5py.Dataset):
            continue
        if thing.external or thing.is_virtual:
            raise _unsafe(path, f"{printable(name)} is stored in another file")
        if thing.dtype.kind not in "fiu":
            raise _unsafe(path, f"{printable(name)} holds {thing.dtype}, not numbers")
        declared += thing.nbytes
    if declared > os.path.getsize(path):
        raise _unsafe(path, f"it declares {declared} bytes of weights, more than its size")


def _walk(group: h5py.Group, path: Path, depth: int = 0) -> Iterator[tuple[str, Any]]:
    if depth > _DEEPEST:
        raise _unsafe(path, "its groups are nested without end")
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise _unsafe(path, f"{printable(name)} is a link to elsewhere")
        thing = group[name]
        yield name, thing
        if isinstance(thing, h5py.Group):
            yield from _walk(thing, path, depth + 1)


def _older_layout(group: h5py.Group) -> list[StoredLayer]:
    layers = []
    for name in _names(group, "layer_names"):
        tensors = tuple(group[name][weight][()] for weight in _names(group[name], "weight_names"))
        if tensors:
            layers.append(StoredLayer(name=name, tensors=tensors))
    return layers


def _newer_layout(group: h5py.Group) -> list[StoredLayer]:
    layers = []
    for name in group:
        variables = group[name].get("vars", {})
        tensors = tuple(variables[index][()] for index in sorted(variables, key=int))
        if tensors:
            layers.append(StoredLayer(name=name, tensors=tensors))
    return layers


def _names(group: h5py.Group, attribute: str) -> list[str]:
    """Return a list of names, which Keras splits over several attributes where it is long."""
    if attribute in group.attrs:
        pieces = [attribute]
    else:
        numbered = (f"{attribute}{number}" for number in count())
        pieces = list(takewhile(group.attrs.__contains__, numbered))
    found = [name for piece in pieces for name in group.attrs[piece]]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in found]


def _unsafe(path: Path, why: str) -> UnsafeModelError:
    return UnsafeModelError(
        f"{printable(path)} is refused as unsafe: {why}.",
        expected="a weight file as Keras writes it",
        fix="do not use this file; ask its sender for another",
    )


def _no_weights(path: Path) -> ModelError:
    return ModelError(
        f"{printable(path)} holds no weights of layers.",
        expected="what model.save_weights writes, as .weights.h5 or .h5",
        code="no_weights",
    )

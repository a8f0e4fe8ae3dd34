"""One file of rows: keys and arrays of one shape, written once, then only read.

The layout is that of safetensors (length, JSON header, tensors), so that any tool can look
inside; it is written row by row and read as a memory map. A shard appears under its name
whole or not at all, and `read_shard` refuses one whose size is not what its header says.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sightline.files import open_atomically

SUFFIX = ".safetensors"
_KEY_BYTES = 32
_LENGTH_BYTES = 8
_MOST_HEADER = 512
_ALIGNMENT = 64
# Each memory map holds a file descriptor; small shards are read whole instead.
_LEAST_MAPPED = 4 * 2**20
_TYPES = {"uint8": "U8", "float32": "F32"}


@dataclass(frozen=True, kw_only=True)
class RowKind:
    """What the rows of a cache are.

    Attributes:
        name: A word for the folder, for example `"pixels"`.
        digest: Hexadecimal digest of all that the rows depend on but the content itself.
        shape: Of one row.
        dtype: `"uint8"` or `"float32"`.
    """

    name: str
    digest: str
    shape: tuple[int, ...]
    dtype: str

    def __post_init__(self) -> None:
        if self.dtype not in _TYPES:
            raise ValueError(f"dtype {self.dtype!r} is not one of {', '.join(_TYPES)}")

    @property
    def row_bytes(self) -> int:
        """Bytes of one row with its key."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize + _KEY_BYTES

    def shard_bytes(self, count: int) -> int:
        """Return what a shard of `count` rows takes on the disk, at most."""
        return _MOST_HEADER + count * self.row_bytes


@dataclass(frozen=True, kw_only=True)
class Shard:
    """A shard that was opened.

    Attributes:
        path: The file.
        keys: Hexadecimal SHA-256 digests, one for each row.
        rows: (n, *shape), a read-only memory map or array.
    """

    path: Path
    keys: tuple[str, ...]
    rows: npt.NDArray[np.generic]


def write_shard(
    path: Path, kind: RowKind, keys: Sequence[str], rows: npt.NDArray[np.generic]
) -> None:
    """Write rows under their keys, atomically.

    Written, not mapped: a full disk is then an error here, where it can be answered, and
    not a signal that ends the process.

    Raises:
        MachineError: The disk is full or not writable.
        ValueError: A key is not a SHA-256 digest.
    """
    packed = b"".join(bytes.fromhex(key) for key in keys)
    if len(packed) != _KEY_BYTES * len(rows):
        raise ValueError(f"{len(keys)} keys, not all SHA-256 digests, for {len(rows)} rows")
    header = _header(kind, len(rows))
    with open_atomically(path) as stream:
        stream.write(len(header).to_bytes(_LENGTH_BYTES, "little") + header + packed)
        stream.write(np.ascontiguousarray(rows, dtype=kind.dtype).data)


def read_shard(path: Path, kind: RowKind) -> Shard:
    """Open a shard.

    Raises:
        OSError: The file is gone or cannot be read.
        ValueError: It is not a whole shard of this kind.
    """
    with open(path, "rb") as stream:
        length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
        header = stream.read(min(length, _MOST_HEADER))
        count = _count(header)
        if header != _header(kind, count):
            raise ValueError(f"{path} holds other rows than {kind}")
        packed = stream.read(_KEY_BYTES * count)
    start = _LENGTH_BYTES + len(header) + _KEY_BYTES * count
    size = start + math.prod(kind.shape) * np.dtype(kind.dtype).itemsize * count
    if path.stat().st_size != size:
        raise ValueError(f"{path} has {path.stat().st_size} bytes instead of {size}")
    keys = tuple(packed[at : at + _KEY_BYTES].hex() for at in range(0, len(packed), _KEY_BYTES))
    shape = (count, *kind.shape)
    if size < _LEAST_MAPPED:
        rows = np.fromfile(path, dtype=kind.dtype, offset=start).reshape(shape)
        rows.flags.writeable = False
        return Shard(path=path, keys=keys, rows=rows)
    mapped = np.memmap(path, dtype=kind.dtype, mode="r", offset=start, shape=shape)
    return Shard(path=path, keys=keys, rows=mapped)


def _header(kind: RowKind, count: int) -> bytes:
    end = _KEY_BYTES * count
    item = np.dtype(kind.dtype).itemsize
    tensors = {
        "__metadata__": {"name": kind.name, "digest": kind.digest},
        "keys": {"dtype": "U8", "shape": [count, _KEY_BYTES], "data_offsets": [0, end]},
        "rows": {
            "dtype": _TYPES[kind.dtype],
            "shape": [count, *kind.shape],
            "data_offsets": [end, end + math.prod(kind.shape) * item * count],
        },
    }
    text = json.dumps(tensors, separators=(",", ":")).encode("ascii")
    return text + b" " * (-(len(text) + _LENGTH_BYTES) % _ALIGNMENT)


def _count(header: bytes) -> int:
    try:
        count = json.loads(header)["keys"]["shape"][0]
    except (KeyError, IndexError, TypeError, RecursionError) as error:
        raise ValueError("not a shard's header") from error
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ValueError(f"{count!r} rows")
    return count

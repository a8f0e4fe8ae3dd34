"""The folder of shards: found by kind, published under a lock, evicted when room is needed.

A shard's modification time is when it was last used. Every write happens under one lock
that the kernel frees when its holder dies, so a temporary file seen under the lock is what
a killed process left, and goes. An evicted shard that somebody still has mapped stays
readable for them: its name goes, not its bytes.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sightline.batches.shard import SUFFIX, RowKind, Shard, read_shard, write_shard
from sightline.files import lock, write_error

_MOST_BYTES = 20 * 10**9
_SHARE_OF_FREE = 4
# A cache that took the last bytes would make the next checkpoint fail.
_LEAST_FREE = 256 * 2**20


class ShardStore:
    """A size-limited folder of shards that any number of processes share.

    Args:
        directory: The folder; created when first written to.
        limit_bytes: What it may hold: default the smaller of 20 GB and a quarter of what
            would be free without it.
    """

    def __init__(self, directory: Path, *, limit_bytes: int | None = None) -> None:
        self._directory = directory
        self._limit_bytes = limit_bytes

    def limit(self) -> int:
        """Return how many bytes the folder may hold.

        Raises:
            MachineError: The folder cannot be used.
        """
        if self._limit_bytes is not None:
            return self._limit_bytes
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self._directory).free
        except OSError as error:
            raise write_error(self._directory, error) from error
        held = sum(size for _, size, _ in self._shards())
        return min(_MOST_BYTES, (free + held) // _SHARE_OF_FREE)

    def find(self, kind: RowKind, keys: AbstractSet[str]) -> list[Shard]:
        """Return the shards of this kind that hold any of `keys`, and mark them as used."""
        found = []
        for path in sorted(self._folder(kind).glob(f"*{SUFFIX}")):
            try:
                shard = read_shard(path, kind)
            except OSError:
                continue  # evicted by another process since it was listed, or not readable
            except ValueError:
                with suppress(OSError):
                    path.unlink()
                continue
            if not keys.isdisjoint(shard.keys):
                found.append(shard)
                with suppress(OSError):
                    os.utime(path)
        return found

    def publish(
        self,
        kind: RowKind,
        keys: Sequence[str],
        rows: npt.NDArray[np.generic],
        *,
        keep: Collection[Path],
    ) -> Shard:
        """Write rows as a new shard and return it opened.

        Args:
            kind: What the rows are.
            keys: One for each row.
            rows: (n, *kind.shape).
            keep: Shards that must not be evicted.

        Raises:
            MachineError: The disk is full, the folder is not writable, or all that may be
                evicted leaves too little room.
        """
        folder = self._folder(kind)
        path = folder / f"{secrets.token_hex(8)}{SUFFIX}"
        limit = self.limit()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with lock(self._directory / "lock", wait=True):
                self._sweep()
                self._make_room(kind.shard_bytes(len(rows)), limit, keep)
                write_shard(path, kind, keys, rows)
            return read_shard(path, kind)
        except OSError as error:
            raise write_error(path, error) from error

    def _folder(self, kind: RowKind) -> Path:
        return self._directory / kind.name / kind.digest[:32]

    def _shards(self) -> list[tuple[float, int, Path]]:
        """Return (last use, bytes, path) of all shards, the least recently used first."""
        shards = []
        for path in self._directory.glob(f"*/*/*{SUFFIX}"):
            with suppress(OSError):
                status = path.stat()
                shards.append((status.st_mtime, status.st_size, path))
        return sorted(shards)

    def _make_room(self, size: int, limit: int, keep: Collection[Path]) -> None:
        shards = self._shards()
        total = sum(held for _, held, _ in shards)
        for _, held, path in shards:
            if total + size <= limit:
                break
            if path not in keep:
                path.unlink(missing_ok=True)
                total -= held
        free = shutil.disk_usage(self._directory).free
        if total + size > limit or free - size < _LEAST_FREE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _sweep(self) -> None:
        for path in self._directory.glob(f"*/*/.*{SUFFIX}.*.tmp"):
            path.unlink(missing_ok=True)

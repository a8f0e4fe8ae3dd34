"""Rows computed once and kept: decoded pixels, features of a frozen network.

What has no room on the disk is kept in memory, and what has none there either is computed
each time it is taken. A cache must never be the reason that something fails or comes out
different: a full, read-only or damaged folder means less cache and a notice, and rows are
found by the digests of all that they depend on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sightline.batches.shard import RowKind
from sightline.batches.store import ShardStore
from sightline.errors import MachineError

Indices = npt.NDArray[np.int64]
Compute = Callable[[Indices], npt.NDArray[np.generic]]
Progress = Callable[[int, int], None]

_MOST_MEMORY = 2 * 10**9
_SHARD_BYTES = 64 * 2**20
_MOST_SHARDS = 256
_LEAST_SHARDS = 8
_FIRST_STEP = 64
_SHORT_SECONDS = 0.1


class CachedRows:
    """n rows of one shape, taken by index; safe in threads.

    Attributes:
        shape: (n, *row).
        dtype: Of the rows.
        on_disk: Rows that lie in the cache.
        in_memory: Rows that are held in memory.
        streamed: Rows that are computed each time they are taken.
        notices: Why the cache is not used for all of them; empty where it is.
    """

    def __init__(self, filling: _Filling, keys: Sequence[str], compute: Compute) -> None:
        self.shape = (len(keys), *filling.kind.shape)
        self.dtype = np.dtype(filling.kind.dtype)
        self._compute = compute
        self._arrays = tuple(filling.arrays)
        places = [filling.places.get(key, (-1, -1)) for key in keys]
        self._places: Indices = np.array(places, dtype=np.int64).reshape(-1, 2)
        numbers = self._places[:, 0]
        self.streamed = int((numbers < 0).sum())
        self.in_memory = int(np.isin(numbers, filling.in_memory).sum())
        self.on_disk = len(keys) - self.streamed - self.in_memory
        self.notices = tuple(filling.notices)
        if self.streamed:
            self.notices += (
                f"{self.streamed} of {len(keys)} rows have no room in the cache and are "
                f"computed each time they are needed.",
            )

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, indices: Indices | slice) -> npt.NDArray[Any]:
        """Return the rows at `indices` as a new array (b, *row)."""
        chosen: Indices = np.arange(len(self))[indices]
        rows = np.empty((len(chosen), *self.shape[1:]), dtype=self.dtype)
        places = self._places[chosen]
        for number in np.unique(places[:, 0]):
            here = np.flatnonzero(places[:, 0] == number)
            if number < 0:
                rows[here] = _checked(self._compute(chosen[here]), rows[here].shape)
            else:
                rows[here] = self._arrays[number][places[here, 1]]
        return rows


class ArrayCache:
    """A folder of rows that any number of processes share.

    Args:
        directory: The folder; `None` keeps rows in memory only.
        limit_bytes: What the folder may hold: default the smaller of 20 GB and a quarter of
            what would be free without it; 0 uses no disk.
        memory_bytes: What one call's rows that have no room on the disk may take: default
            the smaller of 2 GB and an eighth of the machine's memory.
    """

    def __init__(
        self,
        directory: Path | None,
        *,
        limit_bytes: int | None = None,
        memory_bytes: int | None = None,
    ) -> None:
        self._store = None
        if directory is not None and limit_bytes != 0:
            self._store = ShardStore(directory, limit_bytes=limit_bytes)
        self._memory_bytes = _memory_limit() if memory_bytes is None else memory_bytes

    def rows(
        self,
        kind: RowKind,
        keys: Sequence[str],
        compute: Compute,
        *,
        expect: Callable[[int], None] | None = None,
        progress: Progress | None = None,
    ) -> CachedRows:
        """Return the rows of `keys`, computing and keeping those that the cache lacks.

        An error or Ctrl-C in `compute` passes through; what was computed before is kept.

        Args:
            kind: What the rows are.
            keys: Hexadecimal SHA-256 digests; the same one may stand more than once.
            compute: From indices into `keys`, int64 (b,), to rows (b, *kind.shape). Called
                now for rows that will be kept, and later, from whatever thread takes them,
                for those that will not.
            expect: Called with the number of rows that will be computed now.
            progress: Called with (done, total) rows; those not kept are in neither.
        """
        first = {key: index for index, key in reversed(tuple(enumerate(keys)))}
        filling = _Filling(kind, self._store, self._memory_bytes)
        filling.find(first.keys())
        missing = sorted(index for key, index in first.items() if key not in filling.places)
        parts = tuple(filling.plan(np.array(missing, dtype=np.int64)))
        # A shard that holds some of the keys may hold those of other calls too.
        done, step = len(first) - len(missing), _FIRST_STEP
        total = done + sum(len(part) for part in parts)
        if expect is not None:
            expect(total - done)
        for part in parts:
            rows = np.empty((len(part), *kind.shape), dtype=kind.dtype)
            filled = 0
            try:
                while filled < len(part):
                    _report(progress, done + filled, total)
                    began = time.monotonic()
                    chosen = part[filled : filled + step]
                    rows[filled : filled + len(chosen)] = _checked(
                        compute(chosen), (len(chosen), *kind.shape)
                    )
                    filled += len(chosen)
                    # What is cheap is asked for by the thousand; what is dear, so that a
                    # report, and with it Ctrl-C, is never far.
                    step *= 2 if time.monotonic() - began < _SHORT_SECONDS else 1
            finally:
                filling.keep([keys[index] for index in part[:filled]], rows[:filled])
            done += filled
        _report(progress, total, total)
        return CachedRows(filling, keys, compute)


class _Filling:
    """Where the rows of one call are, and how much room is left for more."""

    def __init__(self, kind: RowKind, store: ShardStore | None, memory_bytes: int) -> None:
        self.kind = kind
        self.arrays: list[npt.NDArray[np.generic]] = []
        self.places: dict[str, tuple[int, int]] = {}
        self.in_memory: list[int] = []
        self.notices: list[str] = []
        self._store = store
        self._kept: list[Path] = []
        self._disk_left = 0
        self._memory_left = memory_bytes
        if store is not None:
            try:
                self._disk_left = store.limit()
            except MachineError as error:
                self._give_up(error)
        # A part of a small limit, so that eviction takes a part; few shards in a large one,
        # because each that is open holds a file descriptor.
        limit = self._disk_left or memory_bytes
        size = min(max(_SHARD_BYTES, limit // _MOST_SHARDS), limit // _LEAST_SHARDS)
        self._shard_rows = max(1, size // kind.row_bytes)

    def find(self, keys: AbstractSet[str]) -> None:
        """Note the place of each key that the store holds."""
        if self._store is None:
            return
        for shard in self._store.find(self.kind, keys):
            self._disk_left -= self.kind.shard_bytes(len(shard.rows))
            self._kept.append(shard.path)
            self._place(shard.keys, shard.rows)

    def plan(self, missing: Indices) -> Iterator[Indices]:
        """Yield the rows to compute now, in parts: for the disk, then for memory."""
        on_disk = self._rows_in(self._disk_left)
        in_memory = max(0, self._memory_left) // self.kind.row_bytes
        for group in (missing[:on_disk], missing[on_disk : on_disk + in_memory]):
            for start in range(0, len(group), self._shard_rows):
                yield group[start : start + self._shard_rows]

    def keep(self, keys: Sequence[str], rows: npt.NDArray[np.generic]) -> None:
        """Keep rows on the disk if there is room, else in memory if there is, else not."""
        if not keys:
            return
        size = self.kind.shard_bytes(len(rows))
        if self._store is not None and size <= self._disk_left:
            try:
                shard = self._store.publish(self.kind, keys, rows, keep=self._kept)
            except MachineError as error:
                self._give_up(error)
            else:
                self._disk_left -= size
                self._kept.append(shard.path)
                self._place(shard.keys, shard.rows)
                return
        if rows.nbytes <= self._memory_left:
            self._memory_left -= rows.nbytes
            self.in_memory.append(len(self.arrays))
            self._place(keys, rows)

    def _place(self, keys: Sequence[str], rows: npt.NDArray[np.generic]) -> None:
        number = len(self.arrays)
        self.arrays.append(rows)
        self.places.update((key, (number, row)) for row, key in enumerate(keys))

    def _rows_in(self, size: int) -> int:
        whole, rest = divmod(max(0, size), self.kind.shard_bytes(self._shard_rows))
        partial = max(0, rest - self.kind.shard_bytes(0)) // self.kind.row_bytes
        return whole * self._shard_rows + partial

    def _give_up(self, error: MachineError) -> None:
        self._store = None
        self._disk_left = 0
        self.notices.append(f"The cache is not used any more in this run: {error.what}")


def _checked(rows: npt.NDArray[np.generic], shape: tuple[int, ...]) -> npt.NDArray[np.generic]:
    # NumPy would repeat one row into all of them.
    if rows.shape != shape:
        raise ValueError(f"compute gave rows of shape {rows.shape} instead of {shape}")
    return rows


def _report(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)


def _memory_limit() -> int:
    return min(_MOST_MEMORY, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 8)

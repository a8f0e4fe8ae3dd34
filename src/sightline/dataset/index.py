"""The content index: each image is read once on this machine, for as long as it stays the same.

An SQLite file in the cache directory: path and state (size, times, inode, decoder) → content.
Results are committed in batches, so a run that is killed leaves what it had done; several
processes may share one index. It is a cache: a damaged, unwritable or locked index costs time
and gives a notice, never an error and never a wrong answer.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TypeVar

from sightline.dataset.content import VERSION, Content, read_contents
from sightline.dataset.records import Finding
from sightline.files import cache_directory, lock, printable, sha256_bytes
from sightline.images.decoding import decoder_version
from sightline.images.many import Workers
from sightline.images.sources import FileSource, Source, are_files

Progress = Callable[[int, int], None]

_FILE_NAME = "contents-1.sqlite3"
_BATCH = 2048
_ASKED = 500
_BATCH_SECONDS = 5.0
_BUSY_SECONDS = 30.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS contents (
    path BLOB PRIMARY KEY, state TEXT NOT NULL, content TEXT NOT NULL
) WITHOUT ROWID
"""

_logger = logging.getLogger(__name__)

Result = TypeVar("Result")


class ContentIndex:
    """Contents of files, remembered.

    Args:
        path: The SQLite file, created on first use; None remembers nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.notices: tuple[Finding, ...] = ()

    @classmethod
    def default(cls) -> ContentIndex:
        """Return the index in the user's cache directory; without one, an index of nothing."""
        try:
            return cls(cache_directory() / _FILE_NAME)
        except OSError as error:
            index = cls(None)
            index._notice("index_off", f"No cache directory ({error}): images are read each time.")
            return index

    def contents(
        self,
        sources: Sequence[Source],
        *,
        progress: Progress | None = None,
        workers: int | None = None,
    ) -> tuple[Content, ...]:
        """Return the content of each source, reading those that are new or have changed.

        Args:
            sources: Files are remembered; other sources are read each time.
            progress: Called with (done, total), from this thread.
            workers: Threads or processes; the number of cores by default.
        """
        states = [_state(source) for source in sources]
        found = self._recall(sources, states)
        missing = [i for i in range(len(sources)) if i not in found]
        unread = [sources[i] for i in missing]
        fresh: dict[int, Content] = {}
        last = time.monotonic()
        if progress:
            progress(len(found), len(sources))
        try:
            with (
                closing(Workers(workers, processes=are_files(unread))) as many,
                closing(many.in_parts(read_contents, unread)) as parts,
            ):
                for i, content in zip(missing, chain.from_iterable(parts), strict=True):
                    found[i] = content
                    # What changed while it was read is not remembered: its state would be a lie.
                    if states[i] and content.is_lasting and _state(sources[i]) == states[i]:
                        fresh[i] = content
                    if progress:
                        progress(len(found), len(sources))
                    if len(fresh) >= _BATCH or time.monotonic() - last > _BATCH_SECONDS:
                        self._remember(sources, states, fresh)
                        fresh, last = {}, time.monotonic()
        finally:
            self._remember(sources, states, fresh)
        return tuple(found[i] for i in range(len(sources)))

    def _recall(self, sources: Sequence[Source], states: Sequence[str]) -> dict[int, Content]:
        known = [i for i, state in enumerate(states) if state]

        def select(connection: sqlite3.Connection) -> dict[int, Content]:
            found = {}
            for start in range(0, len(known), _ASKED):
                keys = {i: _key(sources[i]) for i in known[start : start + _ASKED]}
                marks = ",".join("?" * len(keys))
                query = f"SELECT path, state, content FROM contents WHERE path IN ({marks})"
                rows = {row[0]: row[1:] for row in connection.execute(query, (*keys.values(),))}
                for i, key in keys.items():
                    state, text = rows.get(key, ("", ""))
                    content = _parsed(text) if state == states[i] else None
                    if content is not None:
                        found[i] = content
            return found

        return self._use(select) or {}

    def _remember(
        self, sources: Sequence[Source], states: Sequence[str], fresh: Mapping[int, Content]
    ) -> None:
        records = [
            (_key(sources[i]), states[i], _encode(content.to_json()))
            for i, content in fresh.items()
        ]

        def insert(connection: sqlite3.Connection) -> None:
            with connection:
                connection.executemany("INSERT OR REPLACE INTO contents VALUES (?, ?, ?)", records)

        if records:
            self._use(insert)

    def _use(self, work: Callable[[sqlite3.Connection], Result]) -> Result | None:
        """Do `work` on the index; if that cannot be done, give up the index with a notice."""
        if self.path is None:
            return None
        try:
            try:
                return _on(self.path, work)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError as error:
                self._notice(
                    "index_rebuilt",
                    f"{printable(self.path)} was damaged ({error}): images are read anew.",
                )
                _remove_damaged(self.path)
                return _on(self.path, work)
        except (OSError, sqlite3.Error) as error:
            self._notice(
                "index_off",
                f"{printable(self.path)} cannot be used ({error}): images are read each time.",
            )
            self.path = None
            return None

    def _notice(self, check: str, message: str) -> None:
        _logger.warning("%s", message)
        self.notices += (Finding(check=check, severity="warning", message=message),)


def _on(path: Path, work: Callable[[sqlite3.Connection], Result]) -> Result:
    # No write-ahead log: it needs shared memory, which network file systems do not have.
    with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as connection:
        connection.execute(_SCHEMA)
        return work(connection)


def _remove_damaged(path: Path) -> None:
    with lock(f"{path}.lock", wait=True):
        try:
            # Another process may have put a sound one in its place while this one waited.
            _on(path, lambda connection: connection.execute("SELECT * FROM contents").fetchall())
        except sqlite3.DatabaseError:
            for suffix in ("", "-journal"):
                Path(f"{path}{suffix}").unlink(missing_ok=True)


def _key(source: Source) -> bytes:
    path = source.path if isinstance(source, FileSource) else source.name
    return os.fsencode(os.path.abspath(path))


def _state(source: Source) -> str:
    """Return what changes when a file's content does; empty for what cannot be remembered."""
    if not isinstance(source, FileSource):
        return ""
    try:
        status = os.stat(source.path)
    except OSError:
        return ""
    # The change time too: a tool that restores the modification time cannot restore that.
    times = f"{status.st_mtime_ns}:{status.st_ctime_ns}"
    return f"{status.st_size}:{times}:{status.st_ino}:{_reader_version()}"


@cache
def _reader_version() -> str:
    return sha256_bytes(f"{decoder_version()}; content {VERSION}".encode())[:16]


_encode = json.JSONEncoder(separators=(",", ":")).encode
_decode = json.JSONDecoder().raw_decode


def _parsed(text: str) -> Content | None:
    try:
        return Content.from_json(_decode(text)[0])
    except (ValueError, KeyError, TypeError):
        return None

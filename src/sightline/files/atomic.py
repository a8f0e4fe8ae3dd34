"""Writes that a kill or a full disk cannot turn into half a file.

A temporary name in the same directory, fsync, rename, fsync of the directory: at any
instant the path holds the old file whole or the new file whole.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from sightline.errors import MachineError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def fsync_directory(directory: Path) -> None:
    """Make the names in `directory` survive a power cut."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def open_atomically(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a binary file for writing that appears at `path` only when the block succeeds.

    Raises:
        MachineError: The directory is missing or not writable, or the disk is full; the file
            that stood at `path` before is untouched.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name[:100]}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, target)
        fsync_directory(target.parent)
    except OSError as error:
        raise write_error(target, error) from error
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path` atomically."""
    with open_atomically(path) as stream:
        stream.write(data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` to `path` atomically, in UTF-8."""
    write_bytes(path, text.encode("utf-8", "surrogateescape"))


def write_error(path: Path, error: OSError) -> MachineError:
    """Return the three-part error for a write to `path` that failed with `error`."""
    if error.errno in _FULL:
        return MachineError(
            f"No room on the disk to write {path}.",
            expected="enough free space; the file that was there before is untouched",
            fix="free some space and run the same command again",
            code="disk_full",
        )
    return MachineError(
        f"Cannot write {path}: {error.strerror or error}.",
        expected="an existing directory that you may write to",
        fix="create the directory or choose another path",
        code="not_writable",
    )

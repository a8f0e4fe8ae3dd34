"""Lines that are only ever added: no writer loses another's, a kill loses at most its own.

One line is one write under a lock on the file itself, then fsync. Half a line that a kill left
is cut off from the next one, so that it damages nothing but itself.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from sightline.files.atomic import fsync_directory, write_error


def append_line(path: str | os.PathLike[str], line: str) -> None:
    """Add one line to the file `path`, which is created if absent.

    Args:
        path: The ledger.
        line: Without a line break.

    Raises:
        MachineError: It cannot be written; what stood there is untouched.
    """
    target = Path(path)
    try:
        handle = os.open(target, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            _append(handle, line.encode())
        finally:
            os.close(handle)
        fsync_directory(target.parent)
    except OSError as error:
        raise write_error(target, error) from error


def read_lines(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return the lines of a ledger, also half ones; none where there is no ledger.

    Raises:
        OSError: It is there and cannot be read.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        return ()
    return tuple(line.decode("utf-8", "replace") for line in data.split(b"\n") if line)


def _append(handle: int, line: bytes) -> None:
    size = os.fstat(handle).st_size
    torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
    data = b"\n" * torn + line + b"\n"
    try:
        written = os.write(handle, data)
        while written < len(data):
            written += os.write(handle, data[written:])
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, size)
        raise

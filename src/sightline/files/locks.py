"""One writer at a time: an advisory lock that the kernel frees when its holder dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sightline.errors import MachineError


@contextmanager
def lock(path: str | os.PathLike[str], *, wait: bool = False) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`, which is created and left in place.

    Args:
        path: The lock file.
        wait: Wait for the holder instead of refusing.

    Raises:
        MachineError: Somebody else holds the lock and `wait` is false.
    """
    handle = os.open(Path(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise MachineError(
                f"{path} is in use by another process (id {holder}).",
                expected="one run at a time in a directory",
                fix="wait for it to end, or choose another directory",
                code="in_use",
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)

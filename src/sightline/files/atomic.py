"""Writes that a kill or a full disk cannot turn into half a file.

A temporary name in the same directory, fsync, rename, fsync of the directory: at any
instant the path holds the old file whole or the new file whole.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
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
    temporary = _beside(target)
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


def write_files(files: Mapping[Path, bytes]) -> None:
    """Write files that belong together: all of them beside their places first, then renamed.

    What stood there is put back where one of the renames fails or is interrupted. A kill between
    two of them leaves some old and some new; the last named is renamed last, so that it can vouch
    for the others.

    Args:
        files: Content by path.

    Raises:
        MachineError: One cannot be written; what stood there before is untouched.
    """
    fresh = {path: _beside(path) for path in files}
    earlier: dict[Path, Path | None] = {}
    try:
        for path, content in files.items():
            with _told(path):
                _write_whole(fresh[path], content)
        for path in files:
            with _told(path):
                earlier[path] = _second_name(path)
                os.replace(fresh[path], path)
    except BaseException:  # an interrupt too: nothing may be lost
        _put_back(earlier)
        raise
    finally:
        for temporary in (*fresh.values(), *filter(None, earlier.values())):
            temporary.unlink(missing_ok=True)
    for folder in {path.parent for path in files}:
        fsync_directory(folder)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Tell of a failure in the block as one to write `path`."""
    try:
        yield
    except OSError as error:
        raise write_error(path, error) from error


def _second_name(path: Path) -> Path | None:
    """Give what stands at `path` another name too; None where nothing does."""
    name = _beside(path)
    try:
        os.link(path, name)
    except FileNotFoundError:
        return None
    except OSError:  # a file system without links
        shutil.copy2(path, name)
    return name


def _put_back(earlier: Mapping[Path, Path | None]) -> None:
    for path, name in earlier.items():
        if name is not None:
            os.replace(name, path)
        else:
            path.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` to `path` atomically, in UTF-8."""
    write_bytes(path, text.encode("utf-8", "surrogateescape"))


def write_folder(path: str | os.PathLike[str], files: Mapping[str, bytes]) -> None:
    """Write a folder that appears at `path` only when all of it is there.

    What stood at `path` is replaced. A kill (not an interrupt) between the two renames that this
    takes leaves both folders whole under hidden names beside `path`, and nothing at it.

    Args:
        path: The folder.
        files: Content by path inside the folder, with "/".

    Raises:
        MachineError: It cannot be written; what stood there before is untouched.
    """
    target = Path(path)
    temporary, earlier = _beside(target), _beside(target)
    try:
        for name, content in files.items():
            _write_below(temporary, name, content)
        for folder in (temporary, *(one for one in temporary.rglob("*") if one.is_dir())):
            fsync_directory(folder)
        _exchange(temporary, target, earlier)
        fsync_directory(target.parent)
    except OSError as error:
        raise write_error(target, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _exchange(fresh: Path, target: Path, earlier: Path) -> None:
    """Put `fresh` in the place of `target`; what stood there is removed last, or put back."""
    if not target.exists():
        os.rename(fresh, target)
        return
    os.rename(target, earlier)
    try:
        os.rename(fresh, target)
    except BaseException:  # an interrupt too: nothing may be lost
        os.rename(earlier, target)
        raise
    if earlier.is_dir():
        shutil.rmtree(earlier, ignore_errors=True)
    else:
        earlier.unlink()


def _write_below(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_whole(path, content)


def _write_whole(path: Path, content: bytes) -> None:
    with open(path, "xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name[:100]}.{os.getpid()}-{secrets.token_hex(4)}.tmp")


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

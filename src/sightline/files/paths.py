"""Paths from strangers: printed without harm, joined without escape."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

from sightline.errors import ConfigError, DataError


def printable(path: str | os.PathLike[str]) -> str:
    """Return `path` fit for a terminal or a log: controls, overrides and bad bytes escaped."""
    text = os.fspath(path)
    return text if text.isprintable() else "".join(map(_escape, text))


def _escape(letter: str) -> str:
    # Cc controls, Cf direction overrides, Cs undecodable bytes, Zl/Zp line separators.
    if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return letter.encode("unicode_escape").decode("ascii")
    return letter


def join_inside(root: str | os.PathLike[str], relative: str) -> Path:
    """Join a path from a manifest to `root`, refusing every way out of it.

    Symbolic links are followed before the check, so a link that leads outside is refused too.

    Raises:
        DataError: `relative` is absolute, holds `..` or NUL, or leads outside `root`.
    """
    pieces = relative.replace("\\", "/").split("/")
    drive = len(relative) > 1 and relative[1] == ":" and relative[0].isalpha()
    if not relative or "\0" in relative or ".." in pieces or relative[0] in "/\\" or drive:
        raise _unsafe(relative)
    base = Path(root)
    joined = base / relative
    # abspath: the root itself may be a link; what it holds may not lead out of what it names.
    if os.path.commonpath([os.path.realpath(base), os.path.realpath(joined)]) != os.path.realpath(
        base
    ):
        raise _unsafe(relative)
    return joined


def _unsafe(relative: str) -> DataError:
    return DataError(
        f"Unsafe path {printable(relative)!r}.",
        expected="a path relative to the data's own folder and inside it, without '..'",
        fix="move the images under that folder, or put the manifest above them",
        code="unsafe_path",
    )


def free_path(
    path: Path, *, suffixes: tuple[str, ...], overwrite: bool, option: str = "--overwrite"
) -> Path:
    """Return `path` if a result may be written there, before any work is done for it.

    Args:
        path: Where the result shall go.
        suffixes: Those that it may have.
        overwrite: Whether something may stand there.
        option: What a user would add to allow that.

    Raises:
        ConfigError: Something stands there, or the suffix or the folder is wrong.
    """
    if path.suffix.lower() not in suffixes:
        raise ConfigError(
            f"Cannot save this as {printable(path)}.",
            expected=f"a name that ends in {' or '.join(suffixes)}",
            fix=f"use {printable(path.with_suffix(suffixes[0]))}",
            code="bad_suffix",
        )
    if not path.parent.is_dir():
        raise ConfigError(
            f"There is no folder {printable(path.parent)}.",
            expected="an existing folder to save into",
            fix=f"mkdir -p {printable(path.parent)}",
            code="no_such_folder",
        )
    if path.exists() and not overwrite:
        raise ConfigError(
            f"{printable(path)} exists.",
            expected="a name that is free",
            fix=f"choose another name, or add {option}",
            code="exists",
        )
    return path


def cache_directory() -> Path:
    """Return the folder for what can be computed again, created if absent.

    `SIGHTLINE_CACHE`, else `XDG_CACHE_HOME/sightline`, else `~/.cache/sightline`.
    """
    chosen = os.environ.get("SIGHTLINE_CACHE")
    if chosen:
        directory = Path(chosen)
    else:
        base = os.environ.get("XDG_CACHE_HOME")
        directory = (Path(base) if base else Path.home() / ".cache") / "sightline"
    directory.mkdir(parents=True, exist_ok=True)
    return directory

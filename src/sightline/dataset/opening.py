"""Whatever a user calls data, opened by what it is; and clear words where it is nothing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from sightline.dataset.arrays import check_classes, read_npz
from sightline.dataset.folder import read_folder
from sightline.dataset.manifest import MANIFEST_SUFFIXES, read_manifest
from sightline.dataset.records import Listing
from sightline.errors import ConfigError, did_you_mean
from sightline.files import printable
from sightline.predictions import Task

_FILES = (*MANIFEST_SUFFIXES, ".npz")


def check_dataset(value: object) -> None:
    """Refuse what is no `Dataset`, above all the path of one.

    Raises:
        ConfigError: It is not.
    """
    if not hasattr(value, "rows"):
        kind = type(value).__name__
        raise ConfigError(
            f"{printable(str(value))[:200]} is a {kind} and no Dataset.",
            expected="a Dataset",
            fix="open it first: sightline.Dataset.open(path)",
            code="not_a_dataset",
        )


def open_folder(path: Path, *, allow: Collection[str]) -> Listing:
    """List a folder; `ConfigError` if there is none."""
    if not path.is_dir():
        raise _cannot_open(path, "a directory with a folder for each class")
    return read_folder(path, allow=allow)


def open_manifest(
    path: Path, *, root: Path | None, task: Task | None, allow: Collection[str]
) -> Listing:
    """Read a manifest; `ConfigError` if there is none, or no root."""
    if not path.is_file() or path.suffix.lower() not in MANIFEST_SUFFIXES:
        raise _cannot_open(path, f"a file that ends in {', '.join(MANIFEST_SUFFIXES)}")
    if root is not None and not root.is_dir():
        raise _cannot_open(root, "the directory that the manifest's paths are relative to")
    return read_manifest(path, root=root, task=task, allow=allow)


def open_npz(path: Path, *, allow: Collection[str]) -> Listing:
    """Read an `.npz`; `ConfigError` if there is none."""
    if not path.is_file():
        raise _cannot_open(path, "a file written by numpy.savez")
    return check_classes(read_npz(path), printable(path), allow=allow)


def open_any(path: Path, *, task: Task | None, allow: Collection[str]) -> Listing:
    """Open a folder, a manifest or an `.npz`, whichever `path` is."""
    suffix = path.suffix.lower()
    if path.is_dir():
        listing = open_folder(path, allow=allow)
    elif path.is_file() and suffix in MANIFEST_SUFFIXES:
        return open_manifest(path, root=None, task=task, allow=allow)
    elif path.is_file() and suffix == ".npz":
        listing = open_npz(path, allow=allow)
    else:
        raise _cannot_open(path, f"a folder, or a file that ends in {', '.join(_FILES)}")
    # One label each is a special case of any number; the reverse is not.
    return replace(listing, task=task) if task == "multi_label" else listing


def _cannot_open(path: Path, expected: str) -> ConfigError:
    if path.exists():
        kind = "a directory" if path.is_dir() else "not of a kind that can be opened"
        fix = "unpack it first" if path.suffix.lower() in (".zip", ".tar", ".gz", ".xz") else None
        return ConfigError(
            f"{printable(path)} is {kind}.", expected=expected, fix=fix, code="not_a_dataset"
        )
    parent = next(parent for parent in path.absolute().parents if parent.is_dir())
    near = ""
    if parent == path.absolute().parent:
        near = did_you_mean(path.name, (child.name for child in parent.iterdir()))
    return ConfigError(
        f"{printable(path)} does not exist.{near}",
        expected=expected,
        fix=f"check the path; the nearest folder that exists is {printable(parent)}",
        code="no_such_path",
    )

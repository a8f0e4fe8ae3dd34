"""The ImageNet weights that Keras publishes: where they are, and a safe way to fetch them.

TensorFlow-free. Files are looked for where Keras looks (`KERAS_HOME/models`), so a folder
prepared for Keras serves here too. A download appears under its name only when it is
whole; without a network the answer is an error with the remedy, within seconds.
"""

from __future__ import annotations

import hashlib
import http.client
import math
import os
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from sightline.errors import ConfigError, MachineError
from sightline.files import open_atomically, printable, write_error
from sightline.models.architecture import Architecture
from sightline.models.cards import BackboneCard, ImageNetFiles
from sightline.models.imagenet_md5 import IMAGENET_MD5

Progress = Callable[[int, int], None]

_FROM_SCRATCH = '--weights none (weights="none" in Python)'
_SECONDS = 10  # without an answer
_PIECE = 1 << 20
_HDF5 = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True, kw_only=True)
class ImageNetFile:
    """One weight file on this machine.

    Attributes:
        path: The file.
        trained_at: Side length of the images that it was trained on.
        notice: What a user should know about the choice, if anything.
    """

    path: Path
    trained_at: int
    notice: str | None = None


def keras_home() -> Path:
    """Return the folder that Keras keeps its files in: `KERAS_HOME`, else `~/.keras`."""
    chosen = os.environ.get("KERAS_HOME")
    return Path(chosen) if chosen else Path.home() / ".keras"


def imagenet_file(
    architecture: Architecture, *, with_classifier: bool = False, progress: Progress | None = None
) -> ImageNetFile:
    """Return the file of ImageNet weights for a network, fetched if it is not here.

    MobileNets were trained at several image sizes: the file nearest to the size asked for
    is taken; if that is not here and cannot be fetched, the nearest one that is here.

    Args:
        architecture: The network.
        with_classifier: Whether the file must hold the 1000-class classifier.
        progress: Called with bytes fetched and bytes in all.

    Raises:
        ConfigError: Nobody publishes weights for this network.
        MachineError: The file is not here and cannot be fetched.
    """
    card = architecture.card
    files = _published(card, architecture)
    alpha = float(architecture.options.get("alpha", 1.0))  # type: ignore[arg-type]
    side = math.sqrt(architecture.height * architecture.width)
    sizes = sorted(files.sizes, key=lambda size: (abs(size - side), -size))
    names = {
        size: files.file_name(alpha=alpha, size=size, with_classifier=with_classifier)
        for size in sizes
    }
    folder = keras_home() / "models"
    nearest = sizes[0]
    if not _is_whole(folder / names[nearest]):
        try:
            md5 = _md5(card, alpha, with_classifier)
            fetch(files.folder + names[nearest], folder, md5=md5, progress=progress)
        except MachineError:
            here = [size for size in sizes if _is_whole(folder / names[size])]
            if not here:
                raise
            nearest = here[0]
    notice = _notice(architecture, sizes, nearest)
    return ImageNetFile(path=folder / names[nearest], trained_at=nearest, notice=notice)


def fetch(
    address: str, folder: Path, *, md5: str | None = None, progress: Progress | None = None
) -> Path:
    """Download a file into `folder` under its own name, whole or not at all.

    Raises:
        MachineError: There is no network, or what came is damaged; the remedy is in it.
    """
    target = folder / address.rpartition("/")[2]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(folder, error) from error
    try:
        with (
            urllib.request.urlopen(address, timeout=_SECONDS) as answer,
            open_atomically(target) as stream,
        ):
            _copy(answer, stream, md5, progress)
    except (OSError, http.client.HTTPException, _BrokenOffError) as error:
        raise _not_fetched(target, error) from error
    return target


class _BrokenOffError(Exception):
    """The download ended early, or is not what was published."""


def _copy(answer: Any, stream: BinaryIO, md5: str | None, progress: Progress | None) -> None:
    total = int(answer.headers.get("Content-Length") or 0)
    done, digest = 0, hashlib.md5(usedforsecurity=False)
    for piece in _pieces(answer):
        stream.write(piece)
        digest.update(piece)
        done += len(piece)
        if progress:
            progress(done, max(total, done))
    if total and done != total:
        raise _BrokenOffError(f"{done} of {total} bytes came")
    if md5 and digest.hexdigest() != md5:
        raise _BrokenOffError(f"its MD5 is {digest.hexdigest()}, not {md5}")


def _pieces(answer: Any) -> Iterator[bytes]:
    try:
        while piece := answer.read(_PIECE):
            yield piece
    except (OSError, http.client.HTTPException) as error:
        # Not an OSError any more: that would read as a failure to write the file.
        raise _BrokenOffError(str(error)) from error


def _published(card: BackboneCard, architecture: Architecture) -> ImageNetFiles:
    if card.imagenet is None:
        raise ConfigError(
            f"There are no ImageNet weights for {card.name}.",
            expected="random weights, or a file for this backbone",
            fix=f"{_FROM_SCRATCH}, which trains from scratch",
            code="no_imagenet_weights",
        )
    alpha = architecture.options.get("alpha", 1.0)
    if alpha not in card.imagenet.alphas:
        raise ConfigError(
            f"There are no ImageNet weights for {card.name} with alpha {alpha}.",
            expected="alpha one of " + ", ".join(str(each) for each in card.imagenet.alphas),
            fix=f"choose one of these, or {_FROM_SCRATCH}",
            code="no_imagenet_weights",
        )
    return card.imagenet


def _md5(card: BackboneCard, alpha: float, with_classifier: bool) -> str | None:
    digests = IMAGENET_MD5.get(card.name) or IMAGENET_MD5.get(f"{card.name} {alpha}")
    return digests[0 if with_classifier else 1] if digests else None


def _is_whole(path: Path) -> bool:
    """Return whether `path` begins like a weight file; a page saved under its name does not."""
    try:
        with open(path, "rb") as stream:
            return stream.read(len(_HDF5)) == _HDF5
    except OSError:
        return False


def _notice(architecture: Architecture, sizes: Sequence[int], used: int) -> str | None:
    exact = architecture.height == architecture.width == used
    if len(sizes) == 1 or exact:
        return None
    return (
        f"ImageNet weights of {architecture.backbone} trained at {used}x{used} are used for "
        f"images of {architecture.height}x{architecture.width}."
    )


def _not_fetched(target: Path, error: Exception) -> MachineError:
    return MachineError(
        f"Could not download {target.name}: {error}.",
        expected=f"a network, or the file in {printable(target.parent)}",
        fix=(
            f"put {target.name} into FOLDER/models and set KERAS_HOME=FOLDER; or choose "
            f"{_FROM_SCRATCH}, or the path of a weight file"
        ),
        code="download_failed",
    )

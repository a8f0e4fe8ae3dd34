"""A sample to try things on: scikit-learn's handwritten digits as a folder of PNG files.

1,797 images of 8 by 8 pixels that come with the package; nothing is downloaded.
"""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from sightline.errors import ConfigError
from sightline.files import load_module, printable, write_error

SIDE = 32
_BRIGHTEST = 16


def write_digits(folder: Path, *, per_class: int | None = None) -> Path:
    """Write the digits as `folder/0/digits_0001.png` and so on: grey, 32 by 32 pixels.

    Enlarged smoothly, to a size that image networks take: blocks of equal pixels would have edges
    that no pen drew.

    Args:
        folder: Created; must not hold anything yet.
        per_class: At most so many of each digit; all by default.

    Returns:
        `folder`.

    Raises:
        ConfigError: `folder` exists and is not an empty directory.
        MissingPackageError: scikit-learn is not installed.
        MachineError: The folder cannot be written.
    """
    images, labels = _digits()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(
            f"{printable(folder)} exists and is not an empty folder.",
            expected="a new or empty folder",
            fix="choose another folder",
            code="not_empty",
        )
    # One rename at the end instead of an fsync for each of 1,797 files.
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        _write_classes(unfinished, images, labels, per_class)
        os.replace(unfinished, folder)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise write_error(folder, error) from error
    return folder


def _write_classes(
    folder: Path, images: np.ndarray, labels: np.ndarray, per_class: int | None
) -> None:
    for digit in range(10):
        (folder / str(digit)).mkdir(parents=True)
        for number, pixels in enumerate(images[labels == digit][:per_class], start=1):
            (folder / str(digit) / f"digits_{number:04}.png").write_bytes(_png(pixels))


def _digits() -> tuple[np.ndarray, np.ndarray]:
    datasets = load_module("sklearn.datasets", purpose="write the sample of digits")
    images, labels = datasets.load_digits(return_X_y=True)
    return images.reshape(-1, 8, 8), labels


def _png(pixels: np.ndarray) -> bytes:
    levels = np.rint(pixels * (255 / _BRIGHTEST)).astype(np.uint8)
    stream = io.BytesIO()
    enlarged = Image.fromarray(levels).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    enlarged.save(stream, "PNG")
    return stream.getvalue()

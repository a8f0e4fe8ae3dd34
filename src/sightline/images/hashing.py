"""Digests of pictures: one for the same pixels, one for the same picture.

The perceptual hash holds the signs of the lowest 256 frequencies of the luma against their
median (the DCT hash of Zauner, "Implementation and Benchmarking of Perceptual Image Hash
Functions", 2010, with the frequencies taken along the diagonals, lowest first).

Measured on the 2,530 photos of the clothing set, decoded with
`at_least=(HASH_SIDE, HASH_SIDE)`, 400 of them
edited. Recall within `NEAR_DUPLICATE_DISTANCE`: resized to 0.5-0.9, JPEG quality 30 or 90,
brightness 0.7 or 1.3: 0.998 each. Cropped at a random place by so much of width and height, with
the whole pictures' hashes alone and with the inner ones too: 2 % 0.99 and 0.99, 3 % 0.81 and 0.97,
4 % 0.45 and 0.80, 5 % 0.12 and 0.55.
Distances of the 3.2 million pairs: median 128, one in a thousand under 94; two at 36 or less,
true duplicates; then shirts laid out alike from 50 on (`benchmarks/clothing_pairs.json`), with
inner hashes too. So the limit cannot be higher.

It is blind to colour. It knows nothing of rotations or mirror images: those are other pictures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from sightline.images import colours

HASH_SIDE = 128
"""Rows and columns that `decode(at_least=...)` should leave. The hash looks at half of them:
pictures scaled down to just that would be sharper than those that are resized to it."""

NEAR_DUPLICATE_DISTANCE = 48
"""Differing bits, of 256, up to which two pictures count as one."""

MARGIN = 0.025
"""What the inner hash leaves out at each side, as a share of width and height."""

_SIDE = 64
_FREQUENCIES = 256
_LEAST_SIDE = 32
_LEAST_DETAIL = 0.03
_COARSE = 64


def pixel_digest(pixels: np.ndarray) -> str:
    """Return the SHA-256 of a picture's shape and pixels (uint8, any layout)."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def perceptual_hash(pixels: np.ndarray) -> bytes:
    """Return 32 bytes that differ in few bits between versions of one picture.

    Versions: resized by 0.5 to 0.9, JPEG of quality 30 to 90, brighter or darker, cropped by
    up to 5 %. Pictures with a side under 32 pixels, or with next to nothing in the frequencies
    above the lowest 64 (drawn digits, plain surfaces), hold too little to tell *alike* from
    *the same*: their hash is a digest of their pixels, so only identical ones are near.

    Args:
        pixels: uint8 (H, W), (H, W, 1) or (H, W, 3), at full size or at least `HASH_SIDE`.

    Raises:
        ImageError: `bad_pixels`.
    """
    return picture_hashes([colours.from_pixels(pixels)])[0].whole


class PictureHashes(NamedTuple):
    """The hash of a picture, and of what is left when `MARGIN` is cropped from each side.

    A version that was cropped is nearer to one of the two than to the other: the inner one has its
    scale, and half its shift. None where the hash is a digest.
    """

    whole: bytes
    inner: bytes | None


def picture_hashes(pictures: Sequence[Image.Image]) -> list[PictureHashes]:
    """Return both hashes of pictures that are still Pillow's: mode L or RGB.

    Together they cost a third less than one by one.
    """
    lumas = [picture if picture.mode == "L" else picture.convert("L") for picture in pictures]
    seen = [place for place, luma in enumerate(lumas) if min(luma.size) >= _LEAST_SIDE]
    size = (_SIDE, _SIDE)
    small = [lumas[place].resize(size, Image.Resampling.BOX).tobytes() for place in seen]
    levels = np.frombuffer(b"".join(small), np.uint8).reshape(-1, _SIDE, _SIDE).astype(np.float64)
    pairs = zip(_signs(levels, _COSINES), _signs(levels, _INNER_COSINES), strict=True)
    hashes = dict(zip(seen, pairs, strict=True))
    found = []
    for place, luma in enumerate(lumas):
        whole, within = hashes.get(place, (None, None))
        digest = bytes.fromhex(pixel_digest(np.asarray(luma))) if whole is None else b""
        found.append(PictureHashes(whole or digest, within if whole else None))
    return found


def _signs(levels: np.ndarray, transform: np.ndarray) -> list[bytes | None]:
    """Return the signs of the lowest frequencies, or None for a picture with too little detail.

    Args:
        levels: Float64 (n, side, side).
        transform: What gives frequencies of rows, and of columns: (k, side).
    """
    values = (transform @ levels @ transform.T)[:, _ROWS, _COLUMNS]
    energy = values**2
    # One level of noise, added, keeps rounding errors of a plain surface from being detail.
    enough = energy[:, _COARSE:].sum(1) > _LEAST_DETAIL * (energy.sum(1) + _SIDE**2)
    signs = np.packbits(values > np.median(values, axis=1, keepdims=True), axis=1)
    return [row.tobytes() if plenty else None for row, plenty in zip(signs, enough, strict=True)]


def hash_distance(first: bytes, second: bytes) -> int:
    """Return the number of bits in which two perceptual hashes differ."""
    return (int.from_bytes(first, "big") ^ int.from_bytes(second, "big")).bit_count()


def _diagonals() -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of the lowest frequencies, diagonal by diagonal, mean left out."""
    order = sorted((row + column, row) for row in range(32) for column in range(32))
    lowest = order[1 : _FREQUENCIES + 1]
    rows = np.array([row for _, row in lowest])
    return rows, np.array([total for total, _ in lowest]) - rows


def _cosines(count: int) -> np.ndarray:
    """Return the first `count` rows of the orthonormal DCT-II matrix for `_SIDE` points."""
    frequency = np.arange(count)[:, None]
    place = np.arange(_SIDE)[None, :]
    matrix = np.cos(np.pi * (2 * place + 1) * frequency / (2 * _SIDE))
    matrix *= np.sqrt(2 / _SIDE)
    matrix[0] /= np.sqrt(2)
    return matrix


_ROWS, _COLUMNS = _diagonals()
_COSINES = _cosines(int(max(_ROWS.max(), _COLUMNS.max())) + 1)


def _enlargement() -> np.ndarray:
    """Return the matrix (side, side) that enlarges what is left without margins, bicubically.

    Joined with the cosines it costs nothing, where Pillow would take longer than all the rest.
    """
    unit = Image.fromarray(np.eye(_SIDE, dtype=np.float32))
    box = (_SIDE * MARGIN, 0, _SIDE * (1 - MARGIN), _SIDE)
    return np.asarray(unit.resize(unit.size, Image.Resampling.BICUBIC, box=box), np.float64).T


_INNER_COSINES = _COSINES @ _enlargement()

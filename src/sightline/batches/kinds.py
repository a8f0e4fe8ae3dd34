"""The two kinds of rows that are worth keeping: pixels, and a frozen network's features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from itertools import chain

import numpy as np
import numpy.typing as npt

from sightline.batches.cache import ArrayCache, CachedRows, Indices
from sightline.batches.shard import RowKind
from sightline.files import canonical_json, sha256_bytes
from sightline.images import Preprocessing, Source, load
from sightline.images.many import Workers
from sightline.images.sources import are_files


def pixel_kind(preprocessing: Preprocessing) -> RowKind:
    """Return the kind of what `images.load` gives: uint8 (height, width, channels)."""
    shape = (preprocessing.height, preprocessing.width, preprocessing.channels)
    return RowKind(name="pixels", digest=preprocessing.digest, shape=shape, dtype="uint8")


def feature_kind(
    preprocessing: Preprocessing, *, weights_digest: str, shape: tuple[int, int]
) -> RowKind:
    """Return the kind of a network's output for pixels: float32 (views, size).

    Args:
        preprocessing: What the network sees.
        weights_digest: Digest of all that turns pixels into features: weights, architecture,
            and the converter and runtime with their versions.
        shape: Views of each image (it alone, or with its mirror image) and numbers for each.
    """
    parts = {
        "preprocessing": preprocessing.digest,
        "weights": weights_digest,
        "shape": list(shape),
    }
    digest = sha256_bytes(canonical_json(parts).encode())
    return RowKind(name="features", digest=digest, shape=shape, dtype="float32")


def cached_pixels(
    cache: ArrayCache,
    sources: Sequence[Source],
    digests: Sequence[str],
    *,
    preprocessing: Preprocessing,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CachedRows:
    """Return the pixels of images, decoding those that the cache lacks.

    Args:
        cache: Where pixels are kept.
        sources: The images.
        digests: SHA-256 of the content of each.
        preprocessing: From bytes to pixels.
        workers: Threads or processes that decode; default one for each core.
        progress: Called with (done, total) images.

    Raises:
        ImageError: An image cannot be decoded; it names the image. Those that were decoded
            before are kept.
    """
    with closing(Workers(workers, processes=are_files(sources))) as many:
        decode = decoder(sources, preprocessing, many)
        return cache.rows(
            pixel_kind(preprocessing), digests, decode, expect=many.expect, progress=progress
        )


def decoder(
    sources: Sequence[Source], preprocessing: Preprocessing, many: Workers
) -> Callable[[Indices], npt.NDArray[np.uint8]]:
    """Return the function from indices, int64 (b,), to pixels, uint8 (b, height, width, channels).

    It raises `ImageError` as `images.load` does.
    """
    shape = (preprocessing.height, preprocessing.width, preprocessing.channels)
    load_part = partial(_load_part, preprocessing)

    def decode(indices: Indices) -> npt.NDArray[np.uint8]:
        rows = np.empty((len(indices), *shape), np.uint8)
        with closing(many.in_parts(load_part, [sources[i] for i in indices])) as parts:
            for row, pixels in enumerate(chain.from_iterable(parts)):
                rows[row] = pixels
        return rows

    return decode


def _load_part(preprocessing: Preprocessing, part: Sequence[Source]) -> npt.NDArray[np.uint8]:
    return np.stack([load(source, preprocessing).pixels for source in part])

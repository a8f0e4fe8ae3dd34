"""Features of images from a LiteRT graph: each image is seen once, ever, and they are kept.

They are found by the image's digest, the preprocessing and the graph's own bytes, so that
nothing stale is used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from importlib.metadata import version

import numpy as np

from sightline.batches import ArrayCache, CachedRows, decoder, feature_kind
from sightline.files import sha256_bytes
from sightline.images import Preprocessing, Source
from sightline.images.many import Workers
from sightline.images.sources import are_files
from sightline.inference.litert import LiteRTModel


class FeatureGraph:
    """A LiteRT graph from pixels to features.

    Args:
        content: The file's bytes.
        tensor: The name of its output that holds the features.
        preprocessing: What makes its pixels.

    Attributes:
        digest: Of all that turns pixels into features.
        width: Numbers for each image.

    Raises:
        ModelError: The runtime cannot run the graph.
    """

    def __init__(self, content: bytes, tensor: str, preprocessing: Preprocessing) -> None:
        runtime = f"ai-edge-litert {version('ai-edge-litert')}"
        self.digest = sha256_bytes(content + runtime.encode())
        self._model = LiteRTModel(content, {"embedding": tensor})
        self._preprocessing = preprocessing
        (self.width,) = self._model.output_shapes["embedding"]

    def features(
        self,
        sources: Sequence[Source],
        digests: Sequence[str],
        cache: ArrayCache,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> CachedRows:
        """Return the features of images by index: float32 (n, 1, d), most of it on the disk.

        Args:
            sources: The images, all of which can be decoded.
            digests: SHA-256 of the content of each.
            cache: Where features are kept.
            progress: Called with (done, total); may raise, and what was computed is kept.

        Raises:
            ImageError: An image cannot be decoded, in spite of all.
        """
        with closing(Workers(processes=are_files(sources))) as many:
            decode = decoder(sources, self._preprocessing, many)
            return self.rows(decode, digests, cache, expect=many.expect, progress=progress)

    def rows(
        self,
        pixels_of: Callable[[np.ndarray], np.ndarray],
        digests: Sequence[str],
        cache: ArrayCache,
        *,
        mirrored: bool = False,
        expect: Callable[[int], None] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> CachedRows:
        """Return the features of images by index: float32 (n, views, d), most of it on the disk.

        Args:
            pixels_of: Gives the uint8 pixels of images by index.
            digests: SHA-256 of the content of each.
            cache: Where features are kept.
            mirrored: Each image has a second view, its mirror image left for right.
            expect: Told how many images will be asked for.
            progress: Called with (done, total); may raise, and what was computed is kept.
        """

        def compute(indices: np.ndarray) -> np.ndarray:
            pixels = pixels_of(indices)
            views = (pixels, pixels[:, :, ::-1]) if mirrored else (pixels,)
            return np.stack([self._model.run(view)["embedding"] for view in views], axis=1)

        kind = feature_kind(
            self._preprocessing,
            weights_digest=self.digest,
            shape=(2 if mirrored else 1, self.width),
        )
        return cache.rows(kind, digests, compute, expect=expect, progress=progress)

"""The images of one split, ready to be learned from: pixels by index, targets, keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sightline.batches import (
    ArrayCache,
    CachedRows,
    ClassWeight,
    Examples,
    Rows,
    cached_pixels,
    class_weights,
    decoder,
    digest_keys,
    image_weights,
)
from sightline.dataset import Content, Dataset
from sightline.errors import Interrupted
from sightline.images import Preprocessing, Source
from sightline.images.many import Workers
from sightline.training.signals import StopRequest


@dataclass(frozen=True, kw_only=True)
class Part:
    """The images of one split.

    Attributes:
        dataset: The rows.
        targets: float32 (n, k) of 0 and 1, columns in the order of the model's classes.
        digests: SHA-256 of each image's content.
        preprocessing: From image to pixels.
    """

    dataset: Dataset
    targets: np.ndarray
    digests: tuple[str, ...]
    preprocessing: Preprocessing

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        contents: Sequence[Content],
        *,
        classes: Sequence[str],
        preprocessing: Preprocessing,
    ) -> Part:
        """Return the part that `dataset` and its aligned `contents` are."""
        return cls(
            dataset=dataset,
            targets=dataset.label_matrix(classes),
            digests=tuple(content.digest for content in contents),
            preprocessing=preprocessing,
        )

    def __len__(self) -> int:
        return len(self.digests)

    def at(self, rows: Sequence[int]) -> Part:
        """Return the part of these images, in this order."""
        chosen = tuple(self.dataset.rows[row] for row in rows)
        return replace(
            self,
            dataset=replace(self.dataset, rows=chosen),
            targets=self.targets[list(rows)],
            digests=tuple(self.digests[row] for row in rows),
        )

    def decode(self, indices: np.ndarray) -> np.ndarray:
        """Return the pixels at `indices`, decoded now: uint8 (b, height, width, channels)."""
        return self._decoder(indices)

    def pixels(self, cache: ArrayCache, progress: Callable[[int, int], None]) -> CachedRows:
        """Return the pixels by index, through the cache."""
        return cached_pixels(
            cache,
            self.sources,
            self.digests,
            preprocessing=self.preprocessing,
            progress=progress,
        )

    @cached_property
    def sources(self) -> list[Source]:
        """The openers of the images."""
        return [row.source for row in self.dataset.rows]

    @cached_property
    def _decoder(self) -> Callable[[np.ndarray], np.ndarray]:
        return decoder(self.sources, self.preprocessing, Workers())

    def weights(self, class_weight: ClassWeight, classes: Sequence[str]) -> np.ndarray:
        """Return how much each image counts, float32 (n,)."""
        return image_weights(class_weights(class_weight, self.targets, classes), self.targets)

    def examples(self, pixels: Rows, weights: np.ndarray) -> Examples:
        """Return what batches are made of."""
        return Examples(
            pixels=pixels,
            targets=self.targets,
            weights=weights,
            keys=digest_keys(self.digests),
        )


def heeding(stop: StopRequest, progress: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """Return `progress` that raises `Interrupted` when a signal has asked to stop.

    The caches call it after each step and keep what was computed until then.
    """

    def checked(done: int, total: int) -> None:
        progress(done, total)
        if stop.signal_number is not None:
            raise Interrupted(
                "Stopped; what was computed until then is kept.",
                signal_number=stop.signal_number,
                fix="run the same command again, with --resume if it asks for that",
            )

    return checked

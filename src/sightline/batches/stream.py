"""Batches made in the background, in a fixed order, a few ahead of the step that needs them.

Each batch is a pure function of its number, so threads change only when it is ready. Must
never hide an error: what fails in a thread is raised where the batch was to come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from sightline.batches.augmentation import Augmentation
from sightline.batches.augmenting import augment_batch, shrink
from sightline.batches.batch import Batch, Examples
from sightline.batches.mixing import mix
from sightline.batches.order import batch_indices, steps_per_epoch

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


@dataclass(frozen=True, kw_only=True)
class TrainingBatches:
    """The batches of every epoch, each a pure function of (seed, epoch, step, host, hosts).

    Attributes:
        examples: The images.
        augmentation: What happens to them.
        batch_size: The global batch: images in a step over all hosts.
        seed: The run's seed.
        host: This host's number, from 0.
        hosts: How many hosts share each batch.
        workers: Threads that make batches; 0 makes them in the caller's.
        small: (height, width) of the images in the first `small_steps` steps of the run.
        small_steps: Steps that see smaller images.
        prepare: What else is done to the pixels of a batch, in those threads: the first,
            frozen part of a network, for example.
        teacher: Gives what a teacher says of each batch: the same images, perhaps in another
            size, augmented with the same draws, and `prepare` makes logits of them.
    """

    examples: Examples
    augmentation: Augmentation
    batch_size: int
    seed: int
    host: int = 0
    hosts: int = 1
    workers: int = 2
    small: tuple[int, int] | None = None
    small_steps: int = 0
    prepare: Callable[[npt.NDArray[np.uint8]], npt.NDArray[Any]] | None = None
    teacher: TrainingBatches | None = None

    @property
    def steps(self) -> int:
        """Steps in an epoch."""
        return steps_per_epoch(len(self.examples), self.batch_size)

    def is_small(self, epoch: int, step: int) -> bool:
        """Return whether a step sees smaller images."""
        return epoch * self.steps + step < self.small_steps

    def indices(self, epoch: int, step: int) -> npt.NDArray[np.int64]:
        """Return which examples a step takes on this host."""
        return batch_indices(
            len(self.examples),
            batch_size=self.batch_size,
            seed=self.seed,
            epoch=epoch,
            step=step,
            host=self.host,
            hosts=self.hosts,
        )

    def make(self, epoch: int, step: int) -> Batch:
        """Return one batch, augmented and mixed."""
        indices = self.indices(epoch, step)
        plain = self.examples.batch(indices)
        augmented = Batch(
            pixels=augment_batch(
                plain.pixels,
                self.augmentation,
                seed=self.seed,
                epoch=epoch,
                keys=self.examples.keys[indices],
            ),
            targets=plain.targets,
            weights=plain.weights,
        )
        mixed = mix(augmented, self.augmentation, key=(self.seed, epoch, step, self.host))
        if self.small is not None and self.is_small(epoch, step):
            height, width = self.small
            mixed = replace(mixed, pixels=shrink(mixed.pixels, height=height, width=width))
        if self.teacher is not None:
            taught = np.asarray(self.teacher.make(epoch, step).pixels, np.float32)
            mixed = replace(mixed, taught=taught)
        return mixed if self.prepare is None else replace(mixed, pixels=self.prepare(mixed.pixels))

    def epoch(self, epoch: int, *, first_step: int = 0) -> Generator[Batch, None, None]:
        """Yield an epoch's batches from `first_step` on; close the iterator to stop early."""
        steps = range(first_step, self.steps)
        return ahead(lambda step: self.make(epoch, step), steps, workers=self.workers)


def plain_batches(
    examples: Examples, *, batch_size: int, workers: int = 2
) -> Generator[Batch, None, None]:
    """Yield all examples once, in their order and as they are: for validation."""
    starts = range(0, len(examples), batch_size)
    rows = np.arange(len(examples))
    return ahead(lambda at: examples.batch(rows[at : at + batch_size]), starts, workers=workers)


def ahead(
    make: Callable[[_Item], _Made], items: Iterable[_Item], *, workers: int = 2
) -> Generator[_Made, None, None]:
    """Yield `make(item)` for each item in order, made in threads before it is asked for.

    At most `2 * workers` are made or waiting at a time. On an error, an early close or
    Ctrl-C what has not begun is dropped and what has begun is waited for, so no thread is
    left behind.

    Args:
        make: Safe to call from several threads at once.
        items: What to make; read only as far as needed.
        workers: Threads; 0 makes each one in the caller's thread when asked.
    """
    if workers == 0:
        yield from map(make, items)
        return
    rest = iter(items)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="sightline-batches")
    try:
        waiting: deque[Future[_Made]] = deque(
            pool.submit(make, item) for item in islice(rest, 2 * workers)
        )
        while waiting:
            made = waiting.popleft().result()
            waiting.extend(pool.submit(make, item) for item in islice(rest, 1))
            yield made
    finally:
        pool.shutdown(wait=True, cancel_futures=True)

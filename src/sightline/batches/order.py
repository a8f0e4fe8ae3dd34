"""Which images each step sees: a pure function of (seed, epoch, step, host, hosts).

A resumed run asks for step 731 of epoch 5 and gets what the first run would have got; a
second host asks for its share and nothing has to be sent. Must never keep a position.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from sightline.batches.randomness import random_words

_PURPOSE = 0x0DE5


def steps_per_epoch(count: int, batch_size: int) -> int:
    """Return how many batches hold `count` images; the last one may be short."""
    return -(-count // batch_size)


@lru_cache(maxsize=4)
def epoch_order(count: int, *, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Return the order of the images in one epoch: a read-only permutation, int64 (count,)."""
    numbers = np.arange(count, dtype=np.uint64)
    words = random_words(numbers, 1, context=(_PURPOSE, seed, epoch))
    order = np.argsort(words[:, 0], kind="stable").astype(np.int64)
    order.flags.writeable = False
    return order


def batch_indices(
    count: int,
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    step: int,
    host: int = 0,
    hosts: int = 1,
) -> npt.NDArray[np.int64]:
    """Return the indices of the images that one host sees in one step: int64 (b,).

    Args:
        count: Images in the data.
        batch_size: The global batch: images in a step over all hosts.
        seed: The run's seed.
        epoch: From 0.
        step: From 0 to `steps_per_epoch(count, batch_size) - 1`.
        host: This host's number, from 0.
        hosts: How many hosts share each batch. The last, short batch may leave some of
            them with no image.

    Raises:
        ValueError: `step` or `host` is out of range.
    """
    if not 0 <= step < steps_per_epoch(count, batch_size):
        raise ValueError(f"step {step} is not in an epoch of {count} images by {batch_size}")
    if not 0 <= host < hosts:
        raise ValueError(f"host {host} is not one of {hosts}")
    order = epoch_order(count, seed=seed, epoch=epoch)
    return order[step * batch_size : (step + 1) * batch_size][host::hosts]

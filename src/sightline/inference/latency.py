"""How long models take for one image, measured side by side. Needs no TensorFlow.

Every round asks each model once, and the time of the processor counts: on a busy machine others
take their turns within a longer run sooner than within a shorter one, and a ratio of times by the
clock came out at 6.4 where 1.6 was true.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sightline.inference.litert import LiteRTModel

ROUNDS = 60
_WARM_UP = 3


@dataclass(frozen=True, kw_only=True)
class Latency:
    """The time that one image takes.

    Attributes:
        median: Seconds of the processor.
        p95: Seconds that 95 % of the rounds took at most.
        rounds: How often it was measured.
    """

    median: float
    p95: float
    rounds: int

    def to_json(self) -> dict[str, Any]:
        """Return the figures, in milliseconds."""
        return {
            "median_ms": 1e3 * self.median,
            "p95_ms": 1e3 * self.p95,
            "rounds": self.rounds,
        }


def measure_latencies(
    models: Sequence[LiteRTModel], *, rounds: int = ROUNDS
) -> tuple[Latency, ...]:
    """Return the latency of each graph from pixels to outputs, measured in turns.

    Decoding and the rules that act on the outputs are left out: they take what they take.

    Args:
        models: What is measured, in one process; each with one thread, which is this one.
        rounds: How often each is asked, after a few times that do not count.
    """
    images = [_image(model.input_shape) for model in models]
    seconds = np.empty((rounds, len(models)))
    for turn in range(-_WARM_UP, rounds):
        for column, (model, image) in enumerate(zip(models, images, strict=True)):
            began = time.thread_time()
            model.run(image)
            if turn >= 0:
                seconds[turn, column] = time.thread_time() - began
    return tuple(
        Latency(median=float(np.median(own)), p95=float(np.quantile(own, 0.95)), rounds=rounds)
        for own in seconds.T
    )


def _image(shape: Sequence[int]) -> np.ndarray:
    """Return one image of noise: what it shows makes no difference to the time."""
    return np.random.default_rng(0).integers(0, 256, (1, *shape), dtype=np.uint8)

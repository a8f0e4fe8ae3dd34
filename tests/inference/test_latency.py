"""Latency, measured in turns."""

from __future__ import annotations

import time

import numpy as np

from sightline.inference.latency import measure_latencies


class Worker:
    """Computes for a while, and is kept waiting by others for another."""

    input_shape = (4, 6, 1)

    def __init__(self, name: str, seconds: float, asked: list[str]) -> None:
        self._name, self._seconds, self._asked = name, seconds, asked

    def run(self, pixels: np.ndarray) -> None:
        assert pixels.shape == (1, 4, 6, 1) and pixels.dtype == np.uint8
        self._asked.append(self._name)
        time.sleep(0.03)
        began = time.thread_time()
        while time.thread_time() - began < self._seconds:
            pass


def test_models_take_turns_and_the_slow_one_is_told() -> None:
    asked: list[str] = []
    fast, slow = measure_latencies(
        [Worker("fast", 0.001, asked), Worker("slow", 0.02, asked)],  # type: ignore[list-item]
        rounds=5,
    )
    assert asked == ["fast", "slow"] * 8  # three rounds do not count
    assert fast.median < 0.01, "waiting does not count"
    assert slow.rounds == 5 and slow.median >= 0.02
    assert fast.median < slow.median <= slow.p95

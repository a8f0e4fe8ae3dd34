from __future__ import annotations

import pytest

from sightline.training.schedule import learning_rate


def rates(**options: object) -> list[float]:
    return [learning_rate(step, steps=10, peak=2.0, **options) for step in range(10)]  # type: ignore[arg-type]


def test_the_triangle_rises_to_its_peak_and_falls_to_nearly_zero() -> None:
    assert rates(warmup=0.4, decay="linear") == pytest.approx(
        [0.5, 1.0, 1.5, 2.0, 2.0, 5 / 3, 4 / 3, 1.0, 2 / 3, 1 / 3]
    )


def test_the_cosine_is_half_way_in_the_middle() -> None:
    given = rates(warmup=0.0, decay="cosine")
    assert given[0] == 2.0
    assert given[5] == pytest.approx(1.0)
    assert given == sorted(given, reverse=True)


def test_a_constant_rate_stays() -> None:
    assert rates(warmup=0.0, decay="constant") == [2.0] * 10


def test_a_run_of_one_step_has_a_rate() -> None:
    assert learning_rate(0, steps=1, peak=1.0, warmup=0.1, decay="cosine") == 1.0

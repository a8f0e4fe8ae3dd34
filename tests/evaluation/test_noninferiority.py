"""The drop that cannot be excluded, against enumeration and a closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sightline.evaluation import compare
from sightline.evaluation.noninferiority import Turned, drop_limit, images_to_show
from sightline.predictions import Predictions

Z = 1.6448536269514722


@pytest.mark.parametrize("n", [10, 60, 341, 5000])
def test_without_a_turned_answer_it_is_known_in_closed_form(n: int) -> None:
    assert drop_limit(0, 0, n) == pytest.approx(Z * Z / (n + Z * Z), abs=1e-9)


def test_with_many_images_it_is_what_the_normal_distribution_says() -> None:
    n, before, after = 100_000, 3_000, 2_000
    drop = (before - after) / n
    error = math.sqrt((before + after - (before - after) ** 2 / n) / n**2)
    assert drop_limit(before, after, n) == pytest.approx(drop + Z * error, rel=2e-3)


def test_it_grows_with_losses_and_falls_with_gains_and_images() -> None:
    limits = [drop_limit(lost, 3, 200) for lost in range(0, 40)]
    assert limits == sorted(limits) and len(set(limits)) == len(limits)
    assert drop_limit(5, 6, 200) < drop_limit(5, 5, 200)
    assert drop_limit(5, 5, 400) < drop_limit(5, 5, 200)
    assert drop_limit(5, 5, 400) > 0


@pytest.mark.parametrize("drop", [0.0, 0.02, 0.1])
@pytest.mark.parametrize("gained", [0.01, 0.05])
def test_it_lies_above_the_true_drop_as_often_as_it_says(drop: float, gained: float) -> None:
    n, lost = 50, drop + gained
    covered = 0.0
    for before in range(n + 1):
        for after in range(n - before + 1):
            log = (
                math.lgamma(n + 1)
                - math.lgamma(before + 1)
                - math.lgamma(after + 1)
                - math.lgamma(n - before - after + 1)
                + before * math.log(lost)
                + after * math.log(gained)
                + (n - before - after) * math.log(1 - lost - gained)
            )
            if log > -18 and drop_limit(before, after, n) >= drop:
                covered += math.exp(log)
    # The score limit is approximate: it may be a little under and, in small samples, above.
    assert 0.93 < covered <= 1


def test_how_many_images_would_show_it() -> None:
    assert images_to_show(0, 0, 100, 0.01) == math.ceil(Z * Z * 0.99 / 0.01)
    found = images_to_show(4, 3, 341, 0.01)
    assert found is not None and found > 341
    times = found / 341
    assert drop_limit(4 * times, 3 * times, found) <= 0.01
    assert drop_limit(4 * times * 0.99, 3 * times * 0.99, found * 0.99) > 0.01
    assert images_to_show(10, 2, 341, 0.01) is None
    assert np.isfinite(drop_limit(341, 0, 341))


def answers(right: np.ndarray) -> Predictions:
    return Predictions(
        task="multi_class",
        classes=("a", "b"),
        names=tuple(map(str, range(len(right)))),
        probabilities=np.stack([right, 1 - right], axis=1).astype(np.float32),
    )


def test_a_large_group_is_worth_little_however_many_small_ones_there_are() -> None:
    n = 500
    groups = ["film"] * 400 + [None] * 100
    both = answers(np.ones(n)), answers(np.ones(n))
    labels = [("a",)] * n
    alone = Turned.of(compare(*both, labels))
    together = Turned.of(compare(*both, labels, groups=groups))
    assert alone.n == n and together.n == pytest.approx(n**2 / (400**2 + 100))
    assert alone.limit() < 0.01 < 0.5 < together.limit()
    assert alone.limit(0.975) > alone.limit()
    even = Turned.of(compare(*both, labels, groups=[str(row // 5) for row in range(n)]))
    assert even.n == pytest.approx(100)

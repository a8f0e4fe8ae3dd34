from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sightline.errors import DataError, ImageError
from sightline.evaluation import compare, mcnemar, paired_gain
from sightline.predictions import Predictions


def answers(*columns: int, names: str = "abcdef") -> Predictions:
    return Predictions(
        task="multi_class",
        classes=("cat", "dog"),
        names=tuple(names[: len(columns)]),
        probabilities=np.eye(2, dtype=np.float32)[list(columns)],
    )


def test_mcnemar_by_hand() -> None:
    # 1 against 6: 2 * (1 + 7) / 2**7
    assert mcnemar(1, 6) == mcnemar(6, 1) == pytest.approx(0.125)
    assert mcnemar(0, 0) == 1
    assert mcnemar(4, 4) == 1


def test_mcnemar_of_many_images_neither_overflows_nor_vanishes() -> None:
    # 2 * C(1075, 10) / 2**1075, more than float64 holds of either factor.
    tail = sum(math.comb(1075, right) for right in range(11))
    assert mcnemar(10, 1065) == pytest.approx(2 * tail / 2**1075, rel=1e-9)
    assert mcnemar(50_000, 50_001) == pytest.approx(1, abs=1e-9)


def test_two_classifiers_are_compared_image_by_image() -> None:
    labels = [("cat",)] * 4 + [("dog",)] * 2
    comparison = compare(answers(1, 1, 0, 0, 1, 0), answers(0, 0, 0, 1, 1, 0), labels)
    assert (comparison.only_before, comparison.only_after) == (1, 2)
    assert comparison.before.value == pytest.approx(3 / 6)
    assert comparison.after.value == pytest.approx(4 / 6)
    assert comparison.gain.value == pytest.approx(1 / 6)
    assert comparison.p_value == mcnemar(1, 2)
    assert comparison.gain.low < 0 < comparison.gain.high


def test_classes_are_matched_by_name_and_failed_images_left_out() -> None:
    probabilities = np.eye(2, dtype=np.float32)[[0, 1, 0]]
    probabilities[2] = np.nan
    other = Predictions(
        task="multi_class",
        classes=("dog", "cat"),
        names=("a", "b", "c"),
        probabilities=probabilities,
        errors={2: ImageError("gone")},
    )
    comparison = compare(answers(1, 0, 0), other, [("dog",), ("cat",), ("cat",)])
    assert (comparison.n, comparison.failed) == (2, 1)
    assert comparison.before.value == comparison.after.value == 1


def test_other_images_are_refused() -> None:
    with pytest.raises(DataError, match="different images: 3 and 3, first at 'c'"):
        compare(answers(0, 0, 0), answers(0, 0, 0, names="abx"), [("cat",)] * 3)
    with pytest.raises(DataError, match="different images: 3 and 2"):
        compare(answers(0, 0, 0), answers(0, 0), [("cat",)] * 3)


def test_the_interval_of_independent_pairs_has_the_textbook_width() -> None:
    random = np.random.default_rng(0)
    before, after = random.random(400) < 0.8, random.random(400) < 0.9
    gain = paired_gain(before, after)
    difference = after.astype(float) - before
    half = 1.96 * difference.std() / 20
    assert (gain.n, gain.value) == (400, pytest.approx(difference.mean()))
    assert gain.high - gain.low == pytest.approx(2 * half, rel=0.1)


def test_repeating_the_same_answers_does_not_narrow_the_interval() -> None:
    random = np.random.default_rng(1)
    before, after = random.random(200) < 0.7, random.random(200) < 0.8
    once = paired_gain(before, after)
    images = list(range(200)) * 5
    repeated = paired_gain(np.tile(before, 5), np.tile(after, 5), images=images)
    naive = paired_gain(np.tile(before, 5), np.tile(after, 5))
    assert repeated.value == pytest.approx(once.value)
    assert repeated.high - repeated.low == pytest.approx(once.high - once.low, rel=0.1)
    assert naive.high - naive.low < 0.6 * (once.high - once.low)


def test_what_differs_from_run_to_run_widens_the_interval() -> None:
    """Nine runs whose gains scatter by 0.03: no number of images makes that vanish."""
    random = np.random.default_rng(2)
    images = np.tile(np.arange(1000), 9)
    runs = np.repeat(np.arange(9), 1000)
    shift = np.linspace(-0.05, 0.05, 9)[runs]
    gains = 0.05 + shift + random.normal(0, 0.1, 9000)
    without = paired_gain(np.zeros(9000), gains, images=images.tolist())
    together = paired_gain(np.zeros(9000), gains, images=images.tolist(), runs=runs.tolist())
    assert without.high - without.low < 0.01
    # The standard error of a mean of nine such runs is 0.011.
    assert together.high - together.low == pytest.approx(4 * 0.011, rel=0.2)
    assert together.n == 1000


def test_the_interval_covers_what_it_should() -> None:
    """Images of different difficulty in three runs; the true gain is 0.1."""
    random = np.random.default_rng(3)
    covered, trials = 0, 60
    for seed in range(trials):
        ease = np.tile(random.uniform(0.5, 0.9, 80), 3)
        before, after = random.random(240) < ease, random.random(240) < ease + 0.1
        gain = paired_gain(
            before,
            after,
            images=list(range(80)) * 3,
            runs=np.repeat([0, 1, 2], 80).tolist(),
            seed=seed,
        )
        covered += gain.low <= 0.1 <= gain.high
    assert covered >= 0.85 * trials


def test_classifiers_that_never_differ_are_not_proven_equal() -> None:
    gain = paired_gain(np.ones(20, bool), np.ones(20, bool))
    assert gain.value == 0
    assert gain.high == -gain.low == pytest.approx(3.841459 / 23.841459, abs=1e-6)


def test_lengths_must_agree_and_nothing_gives_nothing() -> None:
    with pytest.raises(DataError, match=r"\[2, 3\]"):
        paired_gain(np.zeros(3), np.zeros(2))
    assert not paired_gain(np.zeros(0), np.zeros(0)).defined


def test_the_seed_decides_and_json_has_all_figures() -> None:
    before, after = answers(0, 1, 0, 1, 0, 1), answers(0, 0, 0, 1, 1, 1)
    labels = [("cat",)] * 6
    first = compare(before, after, labels)
    assert first == compare(before, replace(after), labels)
    assert set(first.to_json()) == set(first.__dataclass_fields__)

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sightline.errors import DataError, ImageError
from sightline.evaluation import compare, evaluate, mcnemar, paired_gain
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
    assert set(first.to_json()) == {*first.__dataclass_fields__, "verdict"}


def test_what_became_of_each_image_is_named() -> None:
    labels = [("cat",), ("cat",), ("dog",), ("dog",)]
    comparison = compare(answers(0, 1, 1, 0), answers(1, 0, 1, 0), labels)
    assert [(one.name, one.kind, one.before, one.after) for one in comparison.changes] == [
        ("a", "broken", ("cat",), ("dog",)),
        ("b", "fixed", ("dog",), ("cat",)),
    ]
    assert comparison.changes[0].labels == ("cat",)


def three(*columns: int) -> Predictions:
    return Predictions(
        task="multi_class",
        classes=("cat", "dog", "fox"),
        names=tuple("abcdefghij"[: len(columns)]),
        probabilities=np.eye(3, dtype=np.float32)[list(columns)],
    )


def test_another_wrong_answer_is_still_wrong() -> None:
    comparison = compare(three(1), three(2), [("cat",)])
    assert [one.kind for one in comparison.changes] == ["still_wrong"]
    assert (comparison.only_before, comparison.only_after) == (0, 0)


def test_classes_by_hand() -> None:
    """Cats: 1 of 4 against 4 of 4, three fixed; dogs: unchanged; foxes: none."""
    labels = [("cat",)] * 4 + [("dog",)] * 2
    comparison = compare(three(0, 1, 1, 1, 1, 1), three(0, 0, 0, 0, 1, 1), labels)
    cat, dog, fox = comparison.per_class
    assert (cat.before.value, cat.after.value, cat.gain.value) == (0.25, 1.0, 0.75)
    assert (cat.only_before, cat.only_after, cat.support, cat.gain.n) == (0, 3, 4, 4)
    assert cat.p_value == pytest.approx(0.25)
    assert cat.adjusted == pytest.approx(0.75)  # the smallest of three
    assert (dog.gain.value, dog.p_value, dog.adjusted) == (0.0, 1.0, 1.0)
    assert fox.support == 0
    assert not fox.gain.defined


def test_the_macro_f1_gain_is_that_of_two_evaluations() -> None:
    random = np.random.default_rng(4)
    truth = random.integers(0, 3, 10)
    labels = [(("cat", "dog", "fox")[column],) for column in truth]
    before = three(*np.where(random.random(10) < 0.5, truth, 0))
    after = three(*np.where(random.random(10) < 0.8, truth, 1))
    comparison = compare(before, after, labels)
    first, second = evaluate(before, labels), evaluate(after, labels)
    wanted = second.macro.f1.value - first.macro.f1.value
    assert comparison.macro_f1.gain.value == pytest.approx(wanted)
    assert comparison.macro_f1.gain.low <= wanted <= comparison.macro_f1.gain.high
    assert comparison.macro_f1.before == pytest.approx(first.macro.f1.value)
    assert comparison.macro_f1.after == pytest.approx(second.macro.f1.value)
    assert comparison.log_loss.before == pytest.approx(first.log_loss.value)
    lost = second.log_loss.value - first.log_loss.value
    assert comparison.log_loss.gain.value == pytest.approx(lost)


def test_a_model_against_itself_is_not_told_apart() -> None:
    labels = [("cat",)] * 3 + [("dog",)] * 3
    same = answers(0, 0, 1, 1, 1, 0)
    comparison = compare(same, same, labels)
    assert (comparison.verdict, comparison.p_value) == ("not_told_apart", 1.0)
    assert (comparison.images_needed, comparison.changes) == (None, ())
    assert comparison.macro_f1.gain.low < 0 < comparison.macro_f1.gain.high
    assert comparison.log_loss.gain.high == 0


def test_a_clear_gain_is_better_and_turned_round_worse() -> None:
    labels = [("cat",)] * 10
    poor, good = three(*[1] * 10), three(*[0] * 10)
    assert compare(poor, good, labels).verdict == "better"
    assert compare(good, poor, labels).verdict == "worse"
    # All ten gained: an interval that is a point would be too sure of itself.
    gain = compare(poor, good, labels).gain
    assert (gain.value, gain.high) == (1.0, 1.0)
    assert gain.low == pytest.approx(10 / 13.841459, abs=1e-6)


def test_five_against_none_is_not_enough_whatever_the_bootstrap_says() -> None:
    labels = [("cat",)] * 10
    comparison = compare(three(*[1] * 5, *[0] * 5), three(*[0] * 10), labels)
    assert comparison.gain.low > 0
    assert comparison.p_value == pytest.approx(0.0625)
    assert comparison.verdict == "not_told_apart"


def test_groups_widen_the_interval_and_the_test() -> None:
    """Six images fixed, but all of two patients: two heads in a row prove nothing."""
    labels = [("cat",)] * 10
    before, after = three(*[1] * 6, *[0] * 4), three(*[0] * 10)
    groups = [*"aaabbb", *"cdef"]
    alone, together = (compare(before, after, labels, groups=one) for one in (None, groups))
    assert alone.p_value == pytest.approx(2 / 2**6)
    assert together.p_value == pytest.approx(2 / 2**2)
    assert (alone.groups, together.groups, together.gain.n) == (None, 6, 10)
    assert together.gain.value == alone.gain.value
    assert together.gain.high - together.gain.low > alone.gain.high - alone.gain.low
    assert together.images_needed > alone.images_needed


def test_groups_of_one_change_nothing() -> None:
    labels = [("cat",)] * 6
    pair = answers(0, 1, 0, 1, 0, 1), answers(0, 0, 0, 1, 1, 0)
    assert replace(compare(*pair, labels, groups=range(6)), groups=None) == compare(*pair, labels)


def test_multi_label_answers_are_right_only_as_a_whole() -> None:
    def of(rows: list[list[float]]) -> Predictions:
        return Predictions(
            task="multi_label",
            classes=("red", "round"),
            names=("a", "b"),
            probabilities=np.array(rows, np.float32),
        )

    labels = [("red", "round"), ("red",)]
    comparison = compare(of([[0.9, 0.1], [0.9, 0.1]]), of([[0.9, 0.9], [0.9, 0.9]]), labels)
    assert (comparison.only_before, comparison.only_after) == (1, 1)
    assert [one.gain.value for one in comparison.per_class] == [0.0, 1.0]
    assert [one.kind for one in comparison.changes] == ["broken", "fixed"]


def test_other_classes_or_tasks_are_refused() -> None:
    labels = [("cat",)] * 2
    with pytest.raises(DataError, match="only the second knows fox") as caught:
        compare(answers(0, 0), three(0, 0), labels)
    assert caught.value.code == "different_classes"
    assert caught.value.fix
    multi = replace(answers(0, 0), task="multi_label")
    with pytest.raises(DataError, match="the first answers multi_class, the second multi_label"):
        compare(answers(0, 0), multi, labels)
    with pytest.raises(DataError, match="1 groups for 2 images"):
        compare(answers(0, 0), answers(0, 0), labels, groups=["x"])


def test_images_that_neither_answered_leave_nothing_to_compare() -> None:
    failed = Predictions(
        task="multi_class",
        classes=("cat", "dog"),
        names=("a",),
        probabilities=np.full((1, 2), np.nan, np.float32),
        errors={0: ImageError("gone")},
    )
    comparison = compare(failed, failed, [("cat",)])
    assert (comparison.n, comparison.failed, comparison.verdict) == (0, 1, "not_told_apart")
    assert not comparison.gain.defined
    nothing = {"value": None, "low": None, "high": None, "n": 0}
    unknown = {"before": None, "after": None, "gain": nothing}
    document = comparison.to_json()
    assert document["macro_f1"] == document["log_loss"] == unknown

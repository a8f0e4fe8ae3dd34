from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from sightline.errors import DataError
from sightline.evaluation import wilson
from sightline.evaluation.slices import Slice, Slices, slices


def right(*shares: tuple[int, int]) -> np.ndarray:
    """Return answers: of each pair, so many right of so many."""
    return np.concatenate([np.arange(n) < hits for hits, n in shares])


def only(found: Slices, value: str) -> Slice:
    (one,) = [one for one in found.slices if one.value == value]
    return one


def test_a_weak_slice_by_hand() -> None:
    """56 of 70 against 48 of 80: Newcombe's worked example has 0.2000 (0.0524 to 0.3339)."""
    found = slices(right((56, 70), (48, 80)), {"camera": ["one"] * 70 + ["two"] * 80})
    one = only(found, "one")
    assert one.difference.value == pytest.approx(0.2)
    assert one.difference.low == pytest.approx(0.0524, abs=1e-4)
    assert one.difference.high == pytest.approx(0.3339, abs=1e-4)
    assert one.accuracy == wilson(56, 70)
    assert one.rest == wilson(48, 80)
    assert one.p_value == pytest.approx(stats.fisher_exact([[56, 14], [48, 32]]).pvalue)
    assert one.adjusted == pytest.approx(2 * one.p_value)


def test_the_worst_comes_first_and_only_what_is_beyond_chance_is_weak() -> None:
    names = ["good"] * 50 + ["poor"] * 50 + ["fair"] * 50
    found = slices(right((48, 50), (20, 50), (40, 50)), {"light": names})
    assert [one.value for one in found.slices] == ["poor", "fair", "good"]
    assert [one.value for one in found.weak] == ["poor"]
    # The good ones differ too, but nobody has to do anything about them.
    assert only(found, "good").adjusted < 0.05


def test_small_slices_are_counted_and_not_judged() -> None:
    names = ["many"] * 30 + ["few"] * 9 + ["one"]
    found = slices(right((30, 40)), {"place": names})
    assert [one.value for one in found.slices] == ["many"]
    assert found.small == {"place": (2, 10)}
    assert len(slices(right((30, 40)), {"place": names}, smallest=9).slices) == 2


def test_numbers_are_cut_into_four_ranges_of_as_many_images() -> None:
    found = slices(right((40, 80)), {"size": np.arange(80.0)})
    assert [(one.value, one.n) for one in found.slices] == [
        ("higher (40 to 59)", 20),
        ("highest (60 to 79)", 20),
        ("lowest (0 to 19)", 20),
        ("lower (20 to 39)", 20),
    ]


def test_equal_numbers_are_never_torn_apart() -> None:
    numbers = np.array([1.0] * 50 + [2.0] * 20 + [3.0, 4.0, 5.0] * 10)
    found = slices(right((60, 100)), {"size": numbers})
    assert sorted((one.value, one.n) for one in found.slices) == [
        ("higher (2 to 3)", 30),
        ("highest (4 to 5)", 20),
        ("lowest (1 to 1)", 50),
    ]
    few = slices(right((60, 100)), {"flash": np.array([0.0, 1.0] * 50)})
    assert sorted(one.value for one in few.slices) == ["0", "1"]


def test_what_is_not_known_is_neither_a_slice_nor_the_rest() -> None:
    names = ["a"] * 20 + ["b"] * 20 + [""] * 20
    found = slices(right((10, 20), (20, 20), (0, 20)), {"place": names})
    assert [one.value for one in found.slices] == ["a", "b"]
    assert only(found, "a").rest.n == 20
    numbers = np.array([1.0] * 20 + [2.0] * 20 + [np.nan] * 20)
    assert only(slices(right((30, 60)), {"size": numbers}), "1").rest.n == 20


def test_a_value_that_all_share_has_no_rest() -> None:
    assert slices(right((10, 20)), {"format": ["JPEG"] * 20}).slices == ()


def test_images_taken_together_say_less() -> None:
    """Five patients of ten images, each all right or all wrong, are five trials."""
    answers = np.repeat([True, True, False, False, False, True, True, True, True, True], 10)
    place = {"place": ["a"] * 50 + ["b"] * 50}
    groups = np.repeat(np.arange(10), 10).tolist()
    alone, together = slices(answers, place), slices(answers, place, groups=groups)
    assert only(alone, "a").adjusted < 1e-6
    assert only(together, "a").adjusted > 0.05
    assert together.weak == ()
    wide, narrow = only(together, "a").accuracy, only(alone, "a").accuracy
    assert wide.value == narrow.value == 0.4
    # Their variance is 5/4 of five apart: 4 trials instead of 50.
    expected = wilson(2, 5)
    assert wide.high - wide.low > expected.high - expected.low
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_two_patients_show_next_to_nothing() -> None:
    # Half of each patient's images are right, so nothing of how patients differ can be seen.
    answers, place = right((5, 10), (5, 10), (19, 20)), {"place": ["a"] * 20 + ["b"] * 20}
    groups = np.repeat(np.arange(4), 10).tolist()
    found = slices(answers, place, groups=groups)
    assert found.weak == () and slices(answers, place).weak != ()
    few = only(found, "a").accuracy
    assert few.low < 0.1 and few.high > 0.9


def test_where_the_camera_does_not_matter_it_is_seldom_called_weak() -> None:
    random, alarms = np.random.default_rng(0), 0
    cameras = np.repeat(np.arange(8), 40)  # of two patients each, with twenty images
    patients = np.repeat(np.arange(16), 20).tolist()
    place = {"camera": [f"{camera}" for camera in cameras]}
    for _ in range(100):
        ease = random.beta(4, 1, 16).repeat(20)  # patients differ
        answers = random.random(len(ease)) < ease
        alarms += slices(answers, place, groups=patients).weak != ()
    assert alarms <= 10


def test_groups_of_one_change_nothing() -> None:
    answers, place = right((30, 40), (20, 40)), {"place": ["a"] * 40 + ["b"] * 40}
    assert slices(answers, place, groups=range(80)) == slices(answers, place)


def test_looking_at_chance_finds_something_one_time_in_twenty() -> None:
    random = np.random.default_rng(0)
    alarms = 0
    for _ in range(100):
        answers = random.random(200) < 0.8
        noise = {f"{i}": random.choice(["a", "b", "c", "d"], 200).tolist() for i in range(10)}
        found = slices(answers, noise)
        alarms += any(one.adjusted < 0.05 for one in found.slices)
    assert alarms <= 10


def test_lengths_must_agree() -> None:
    with pytest.raises(DataError, match="2 values of place for 3 images"):
        slices(right((1, 3)), {"place": ["a", "b"]})
    with pytest.raises(DataError, match="2 groups for 3 images"):
        slices(right((1, 3)), {}, groups=["a", "b"])


def test_json_has_all_that_was_looked_at() -> None:
    names = ["a"] * 20 + ["b"] * 20 + ["c"]
    document = slices(right((10, 41)), {"place": names}).to_json()
    assert [one["value"] for one in document["slices"]] == ["b", "a"]
    assert document["small"] == [{"attribute": "place", "values": 1, "images": 1}]
    assert set(document["slices"][0]) == {*Slice.__dataclass_fields__, "is_weak"}


def test_large_numbers_are_written_out() -> None:
    found = slices(right((20, 40)), {"pixels": np.array([12_000_000.0, 1.5] * 20)})
    assert {one.value for one in found.slices} == {"12,000,000", "1.5"}

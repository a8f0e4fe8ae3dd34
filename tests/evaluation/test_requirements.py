from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.errors import ConfigError
from sightline.evaluation import Evaluation, Requirement, check_askable, evaluate, verdict, wilson
from sightline.predictions import Predictions


def judged(right: int, wrong: int, *, names: tuple[str, str] = ("defect", "fine")) -> Evaluation:
    """Images of the first class of which `wrong` are missed, and a faultless second class."""
    answers = [0] * right + [1] * (wrong + 100)
    probabilities = np.full((len(answers), 2), 0.1, np.float32)
    probabilities[range(len(answers)), answers] = 0.9
    predictions = Predictions(
        task="multi_class",
        classes=names,
        names=tuple(map(str, range(len(answers)))),
        probabilities=probabilities,
    )
    return evaluate(predictions, [(names[0],)] * (right + wrong) + [(names[1],)] * 100)


def ask(text: str, evaluation: Evaluation):
    return verdict(Requirement.parse(text), evaluation)


def test_a_faultless_sample_that_is_too_small_shows_nothing_and_says_what_would() -> None:
    one = ask("recall[defect]>=0.98", judged(90, 0))
    assert not one.passed
    assert one.needed_flawless == 189  # n / (n + 1.96^2) >= 0.98
    assert str(one) == (
        "recall[defect] is 1.000 (0.95-1.00, n=90): not shown to be >= 0.98. "
        "0 misses in 90; at least 189 images of the class, all found, would show it."
    )
    assert ask("recall[defect]>=0.98", judged(189, 0)).passed
    assert not ask("recall[defect]>=0.98", judged(188, 0)).passed


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 30), st.integers(1, 300), st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.98, 0.999]))
def test_what_would_show_it_does_and_one_less_does_not(
    errors: int, right: int, target: float
) -> None:
    one = ask(f"recall[defect]>={target}", judged(right, errors))
    if one.passed or one.needed is None or one.needed_flawless is None:
        return
    flawless = one.needed_flawless
    assert wilson(flawless - errors, flawless).low >= target - 1e-12
    assert wilson(flawless - 1 - errors, flawless - 1).low < target
    share = right / (right + errors)
    # At the same rate hits are not whole; the interval is that of a share.
    for n, shown in ((one.needed, True), (one.needed - 1, False)):
        square = 1.959963984540054**2
        assert ((share - target) ** 2 >= square * target * (1 - target) / n - 1e-15) == shown


def test_a_value_below_its_target_says_so() -> None:
    one = ask("recall[defect] >= 0.9", judged(80, 20))
    assert not one.passed and one.needed is None
    assert one.reason == "The value itself is below it, or just at it."


def test_a_loss_has_to_be_low_with_its_upper_limit() -> None:
    evaluation = judged(90, 10)
    low, value, high = (getattr(evaluation.log_loss, side) for side in ("low", "value", "high"))
    assert ask(f"log_loss<={high + 1e-6}", evaluation).passed
    between = ask(f"log_loss<={(value + high) / 2}", evaluation)
    assert not between.passed
    assert between.needed == pytest.approx(4 * evaluation.n, rel=0.02)
    assert ask(f"log_loss<={low}", evaluation).reason.startswith("The value itself is above")


def test_a_figure_of_nothing_is_not_met() -> None:
    one = ask("recall[defect]>=0.1", judged(0, 0))
    assert not one.passed
    assert "no image" in str(one)
    assert one.to_json()["estimate"]["value"] is None


@pytest.mark.parametrize("name", ["a]>=0.5[b", "with space", "x>=0.9", "ÅÄÖ", "'", "a\x1b[2J"])
def test_class_names_may_hold_anything(name: str) -> None:
    evaluation = judged(200, 0, names=(name, "fine"))
    for text in (f"recall[{name}]>=0.9", f' recall ["{name}"] >= 0.9 '):
        one = ask(text, evaluation)
        assert one.passed and one.requirement.of_class == name
        assert "\x1b" not in str(one)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recal[defect]>=0.9", "Did you mean 'recall'"),
        ("acuracy>=0.9", "Did you mean 'accuracy'"),
        ("recall>=0.9", "of one class"),
        ("accuracy[defect]>=0.9", "of the whole"),
        ("accuracy>0.9", "cannot be read"),
        ("accuracy>=nan", "cannot be read"),
        ("accuracy>=ninety", "cannot be read"),
        ("accuracy>=90", "No sample can show"),
        ("accuracy>=1", "No sample can show"),
        ("accuracy>=-1", "No sample can show"),
        ("accuracy<=0.9", "to be bad"),
        ("log_loss>=0.9", "to be bad"),
        ("log_loss<=inf", "No sample can show"),
        ("", "cannot be read"),
    ],
)
def test_what_cannot_be_asked_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        Requirement.parse(text)
    assert caught.value.exit_code == 2 and caught.value.expected and caught.value.fix


def test_what_this_model_cannot_answer_is_refused_before_it_is_run() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'defect'.*\\n.*\\nTo do: "):
        check_askable(
            [Requirement.parse("recall[defct]>=0.9")],
            task="multi_class",
            classes=("defect", "fine"),
        )
    losses = [Requirement.parse("hamming_loss<=0.1")]
    check_askable(losses, task="multi_label", classes=("a",))
    with pytest.raises(ConfigError, match="not measured"):
        check_askable(losses, task="multi_class", classes=("a", "b"))
    with pytest.raises(ConfigError, match="not measured"):
        ask("top_3>=0.5", judged(5, 5))

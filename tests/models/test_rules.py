from __future__ import annotations

import json

import numpy as np
import pytest

from sightline.errors import ConfigError, ModelError
from sightline.models.familiarity import Familiarity
from sightline.models.rules import HeldOut, Rules

RULES = (
    Rules(),
    Rules(positive=("b", 0.2), unsure_below=(0.4,), unlike_above=0.3),
    Rules(thresholds=(0.5, 0.1), unsure_below=(0.7, 0.0), promises={"unsure_below": "much"}),
)


@pytest.mark.parametrize("rules", RULES)
def test_json_gives_back_the_rules(rules):
    assert Rules.from_json(json.loads(json.dumps(rules.to_json()))) == rules


def test_rules_of_format_1_0_are_read():
    old = {"thresholds": [], "unsure_below": 0.4}
    assert Rules.from_json(old) == Rules(unsure_below=(0.4,))
    assert Rules.from_json({"thresholds": [0.5], "unsure_below": None}) == Rules(thresholds=(0.5,))


def test_what_predictions_take():
    classes = ("a", "b")
    assert (Rules().threshold(classes), Rules().limit(classes)) == ({}, None)
    assert RULES[1].threshold(classes) == {"b": 0.2}
    assert RULES[1].limit(classes) == 0.4
    assert RULES[2].threshold(classes) == {"a": 0.5, "b": 0.1}
    assert RULES[2].limit(classes) == {"a": 0.7, "b": 0.0}


@pytest.mark.parametrize(
    ("rules", "task", "message"),
    [
        (Rules(thresholds=(0.5, 0.5)), "multi_class", "thresholds are 2 numbers"),
        (Rules(thresholds=(0.5,)), "multi_label", "thresholds are 1 numbers"),
        (Rules(unsure_below=(0.5, 0.5)), "multi_class", "unsure_below are 2 numbers"),
        (Rules(unsure_below=(1.5,)), "multi_class", "is 1.5"),
        (Rules(positive=("c", 0.5)), "multi_class", "Unknown class"),
        (Rules(unlike_above=-1.0), "multi_class", "is -1.0"),
    ],
)
def test_rules_that_do_not_fit_the_model_are_refused(rules, task, message):
    with pytest.raises((ModelError, ConfigError), match=message):
        rules.check(("a", "b"), task)
    Rules().check(("a", "b"), task)


def held_out(**changes: np.ndarray) -> HeldOut:
    arrays = {
        "logits": np.float32([[1, 2], [3, 4], [5, 6]]),
        "truth": np.array([[True, False], [False, True], [True, True]]),
        "distances": np.float32([0.1, 0.2, 0.3]),
    }
    return HeldOut(**{**arrays, **changes})


def test_tensors_give_back_the_answers():
    known = Familiarity.of(np.eye(4, dtype=np.float32))
    for given in (held_out(), HeldOut(**{**vars(held_out()), "familiarity": known})):
        again = HeldOut.from_tensors(given.tensors(), classes=2, task="multi_label")
        assert np.array_equal(again.logits, given.logits)
        assert np.array_equal(again.truth, given.truth) and again.truth.dtype == bool
        assert np.array_equal(again.distances, given.distances)
        assert (again.familiarity is None) == (given.familiarity is None)


@pytest.mark.parametrize(
    "changes",
    [
        {"logits": np.zeros((3, 2))},
        {"truth": np.zeros((2, 2), bool)},
        {"distances": np.zeros(2, np.float32)},
        {"distances": np.float32([0.1, -0.2, 0.3])},
        {"distances": np.float32([0.1, 99, 0.3])},
        {"groups": np.float32([0, 1, 2])},
        {"logits": np.full((3, 2), np.nan, np.float32)},
    ],
)
def test_answers_that_contradict_themselves_are_refused(changes):
    with pytest.raises(ModelError, match="held-out answers"):
        held_out(**changes)


def test_a_missing_tensor_is_named():
    tensors = held_out().tensors()
    del tensors["truth"]
    with pytest.raises(ModelError, match="truth"):
        HeldOut.from_tensors(tensors, classes=2, task="multi_class")


@pytest.mark.parametrize("row", [[True, True], [False, False]])
def test_an_image_of_a_multi_class_model_has_one_class(row):
    truth = np.array([[True, False], [False, True], row])
    tensors = held_out(truth=truth).tensors()
    with pytest.raises(ModelError, match="no class, or of several"):
        HeldOut.from_tensors(tensors, classes=2, task="multi_class")
    assert HeldOut.from_tensors(tensors, classes=2, task="multi_label").truth.sum() == truth.sum()

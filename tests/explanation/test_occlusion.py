"""Occlusion, with a model that needs no TensorFlow: a few lines of NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.errors import ConfigError
from sightline.explanation import METHODS, Subject
from sightline.images import Preprocessing
from sightline.inference import Outputs
from sightline.models.bundle import Rules

METHOD = METHODS["occlusion"]
HEIGHT, WIDTH = 12, 16
EYE = (slice(3, 6), slice(9, 13))  # where the model looks


class Looker:
    """Says class 0 by the brightness of one place, and nothing of the others."""

    classes = ("bright", "dark", "other")
    rules = Rules()
    preprocessing = Preprocessing(height=HEIGHT, width=WIDTH)

    def __init__(self, task: str = "multi_class") -> None:
        self.task = task
        self.largest = 0

    def run(self, pixels: np.ndarray) -> Outputs:
        self.largest = max(self.largest, len(pixels))
        logits = np.zeros((len(pixels), 3), np.float32)
        logits[:, 0] = pixels[(slice(None), *EYE)].mean(axis=(1, 2, 3)) / 10
        powers = np.exp(logits)
        return Outputs(probabilities=powers / powers.sum(axis=1, keepdims=True), logits=logits)


@pytest.fixture
def pixels() -> np.ndarray:
    picture = np.full((HEIGHT, WIDTH, 3), 50, np.uint8)
    picture[EYE] = 200
    return picture


def test_by_hand(pixels):
    """Patches of one pixel, black: each takes its share of the eye's brightness."""
    options = {"patch": 1, "stride": 1, "fill": "black"}
    found = METHOD.attribute(Subject(Looker()), pixels, target=0, options=options).values
    expected = np.zeros((HEIGHT, WIDTH))
    expected[EYE] = 200 / 12 / 10
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("task", ["multi_class", "multi_label"])
def test_the_largest_values_are_where_the_model_looks(pixels, task):
    found = METHOD.attribute(Subject(Looker(task)), pixels, target=0, options={"patch": 4})
    inside = np.zeros((HEIGHT, WIDTH), bool)
    inside[EYE] = True
    assert found.values[inside].min() > 0
    assert found.values[inside].mean() > 3 * found.values[~inside].mean()
    row, column = np.unravel_index(found.values.argmax(), found.values.shape)
    assert inside[row, column]


def test_another_class_has_the_opposite_sign(pixels):
    one, other = (
        METHOD.attribute(Subject(Looker()), pixels, target=target, options={"patch": 4}).values
        for target in (0, 1)
    )
    assert one[EYE].min() > 0 > other[EYE].max()


def test_log_odds_are_told_where_probabilities_are_full(pixels):
    """At a probability of 1 to the last bit of a float32, less is still less."""
    runner = Looker()
    subject = Subject(runner)
    assert runner.run(pixels[None]).probabilities[0, 0] == 1
    expected = 20 - np.log(2)  # two other classes at 0
    assert subject.evidence(pixels[None], 0)[0] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("patch", "stride"), [(4, 2), (5, 3), (1, 1), (40, 7), (0, 0)])
def test_every_pixel_is_covered_and_the_batches_are_bounded(pixels, patch, stride, monkeypatch):
    monkeypatch.setattr("sightline.explanation.subject._MOST_IN_BATCH", 7)
    runner = Looker()
    options = {"patch": patch, "stride": stride}
    found = METHOD.attribute(Subject(runner), pixels, target=0, options=options)
    assert np.isfinite(found.values).all()
    assert runner.largest <= 7
    assert found.facts["patch"] == (patch or 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patch": 2, "stride": 3}, "leave no pixel out"),
        ({"patch": -1}, "from 0"),
        ({"fill": "pink"}, "one of black, blurred, mean"),
        ({"pach": 3}, "Did you mean 'patch'"),
    ],
)
def test_what_cannot_be_done_is_refused(pixels, options, message):
    with pytest.raises(ConfigError, match=message):
        METHOD.attribute(Subject(Looker()), pixels, target=0, options=options)


def test_too_many_places_are_refused():
    runner = Looker()
    runner.preprocessing = Preprocessing(height=300, width=300)
    large = np.zeros((300, 300, 3), np.uint8)
    with pytest.raises(ConfigError, match="at most 20,000"):
        METHOD.attribute(Subject(runner), large, target=0, options={"patch": 2, "stride": 1})

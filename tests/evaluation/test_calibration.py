from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import expit, softmax

from sightline.errors import DataError
from sightline.evaluation.calibration import (
    OWN_TEMPERATURE_FROM,
    calibration_gain,
    fit_temperature,
    probabilities_of,
)
from sightline.evaluation.counts import log_losses
from sightline.predictions import Predictions


def drawn(n: int, k: int, *, scale: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return logits that are `scale` times too large, and labels drawn from the right ones."""
    rng = np.random.default_rng(seed)
    right = rng.normal(0, 2, (n, k))
    chances = softmax(right, axis=1)
    answer = (chances.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return (scale * right).astype(np.float32), np.eye(k, dtype=bool)[answer]


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0])
def test_the_scale_of_the_logits_is_found(scale):
    logits, truth = drawn(20_000, 5, scale=scale)
    assert fit_temperature(logits, truth, task="multi_class") == pytest.approx(scale, rel=0.03)


@pytest.mark.parametrize("seed", range(5))
def test_the_minimum_is_that_of_scipy(seed):
    logits, truth = drawn(200, 4, scale=2.0, seed=seed)

    def objective(a: float) -> float:
        probabilities = softmax(logits.astype(np.float64) / np.exp(a), axis=1)
        return -np.log(probabilities[truth]).mean() + a**2 / 2 / len(logits)

    found = minimize_scalar(objective, bounds=(-3, 3), method="bounded", options={"xatol": 1e-10})
    temperature = fit_temperature(logits, truth, task="multi_class")
    assert temperature == pytest.approx(np.exp(found.x), rel=1e-4)


def test_a_few_images_that_are_all_right_do_not_make_the_model_infinitely_sure():
    logits = np.float32([[2, 0], [0, 2], [3, 0]])
    truth = np.array([[True, False], [False, True], [True, False]])
    temperature = float(fit_temperature(logits, truth, task="multi_class"))
    assert 0.2 < temperature < 1


def test_each_label_has_its_own_temperature_but_rare_ones_share():
    rng = np.random.default_rng(0)
    right = rng.normal(0, 2, (4_000, 4))
    right[:, 2:] -= 7  # rare
    truth = rng.random(right.shape) < expit(right)
    assert (truth[:, :2].sum(axis=0) > OWN_TEMPERATURE_FROM).all()
    assert (truth[:, 2:].sum(axis=0) < OWN_TEMPERATURE_FROM).all()
    logits = right * [1, 3, 2, 2]
    found = fit_temperature(logits.astype(np.float32), truth, task="multi_label")
    assert found[0] == pytest.approx(1, rel=0.1)
    assert found[1] == pytest.approx(3, rel=0.1)
    assert found[2] == found[3] == pytest.approx(2, rel=0.3)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(2, 6), st.floats(0.01, 100))
def test_the_temperature_is_always_within_bounds_and_never_raises_the_penalised_loss(
    seed, n, k, scale
):
    logits, truth = drawn(n, k, scale=scale, seed=seed)
    temperature = float(fit_temperature(logits, truth, task="multi_class"))
    assert np.exp(-3.001) <= temperature <= np.exp(3.001)

    def penalised(t: float) -> float:
        losses = log_losses(
            probabilities_of(logits, t, task="multi_class"), truth, task="multi_class"
        )
        return losses.mean() + np.log(t) ** 2 / 2 / n

    # The clipping of `log_losses` is not part of what is minimised.
    if scale < 5:
        assert penalised(temperature) <= penalised(1.0) + 1e-6


def test_probabilities_are_those_of_scipy():
    logits = np.random.default_rng(1).normal(0, 20, (50, 3)).astype(np.float32)
    wide = logits.astype(np.float64)
    np.testing.assert_allclose(
        probabilities_of(logits, 2.0, task="multi_class"), softmax(wide / 2, axis=1), atol=1e-12
    )
    own = np.array([0.5, 1.0, 2.0])
    np.testing.assert_allclose(
        probabilities_of(logits, own, task="multi_label"), expit(wide / own), atol=1e-12
    )


def test_the_gain_is_measured_image_by_image():
    logits, truth = drawn(2_000, 3, scale=3.0)
    names = ("a", "b", "c")
    predictions = Predictions(
        task="multi_class",
        classes=names,
        names=tuple(map(str, range(len(logits)))),
        probabilities=probabilities_of(logits, 3.0, task="multi_class").astype(np.float32),
        logits=logits,
    )
    labels = [(names[column],) for column in truth.argmax(axis=1)]
    gain = calibration_gain(predictions, labels)
    assert gain is not None
    assert gain.gain.low > 0
    assert gain.gain.value == pytest.approx(
        gain.log_loss_before.value - gain.log_loss_after.value, abs=1e-9
    )
    # Paired: far narrower than the two intervals.
    assert gain.gain.high - gain.gain.low < gain.log_loss_before.high - gain.log_loss_before.low


def test_shapes_are_checked():
    with pytest.raises(DataError):
        fit_temperature(np.zeros((0, 2), np.float32), np.zeros((0, 2), bool), task="multi_class")
    with pytest.raises(DataError):
        fit_temperature(np.zeros((3, 2), np.float32), np.zeros((2, 2), bool), task="multi_class")

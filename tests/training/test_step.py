"""One step: what its gradient is of, and that replicas add up to one device."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sightline.batches import Batch
from sightline.models.weights import named_weights
from sightline.training.recipe import Distillation
from sightline.training.step import Stepper, make_optimizer

from .conftest import pictures, small_model, small_optimisation

HERE = Path(__file__).parent


def stepper(*, smoothing: float = 0.0, rate: float = 0.1) -> Stepper:
    model = small_model()
    optimisation = small_optimisation(optimizer="sgd", weight_decay=0.0, learning_rate=rate)
    optimizer = make_optimizer(optimisation, model.trainable_variables)
    return Stepper(model, optimizer, task="multi_class", label_smoothing=smoothing)


def a_batch(count: int = 8) -> Batch:
    pixels, targets = pictures(count)
    return Batch(pixels=pixels, targets=targets, weights=np.ones(count, np.float32))


def test_the_loss_is_the_weighted_mean() -> None:
    step, batch = stepper(), a_batch()
    alone = [
        step.evaluate(batch.pixels[row : row + 1], batch.targets[row : row + 1]).loss
        for row in range(8)
    ]
    together = step.evaluate(batch.pixels, batch.targets)
    assert together.loss == pytest.approx(sum(alone), rel=1e-5)
    assert together.images == 8


def test_images_of_no_weight_do_not_count_in_the_gradient() -> None:
    weights = np.array([1] * 4 + [0] * 4, np.float32)
    half, batch = stepper(), a_batch()
    result = half.train(replace(batch, weights=weights), rate=0.1, seed=(0, 0, 0))
    assert result.tally.images == 8, "they are counted in the figures"
    spoilt = batch.pixels.copy()
    spoilt[4:] = 255 - spoilt[4:]
    other = stepper()
    other.train(replace(batch, pixels=spoilt, weights=weights), rate=0.1, seed=(0, 0, 0))
    one, two = named_weights(half._model), named_weights(other._model)
    assert all(np.allclose(one[name], two[name], atol=1e-6) for name in one)


def test_a_batch_of_no_weight_at_all_changes_nothing() -> None:
    step, batch = stepper(), a_batch()
    before = named_weights(step._model)
    result = step.train(replace(batch, weights=np.zeros(8, np.float32)), rate=0.1, seed=(0, 0, 0))
    assert result.loss == 0
    after = named_weights(step._model)
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_dropout_follows_the_seed_of_the_step_alone() -> None:
    losses = []
    for seed in ((0, 0, 0), (0, 0, 0), (0, 0, 1)):
        losses.append(stepper().train(a_batch(), rate=0.1, seed=seed).loss)
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize("optimizer", ["sgd", "muon"])
def test_two_replicas_train_as_one_device_does(optimizer: str) -> None:
    """In a process of its own: devices are divided before TensorFlow starts."""
    child = subprocess.run(
        [sys.executable, "-m", "replicas", optimizer],
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert child.returncode == 0, child.stderr[-3000:]
    told = json.loads(child.stdout.splitlines()[-1])
    assert told["replicas"] == 2
    # Sums in another order; neither blows rounding up as Adam would.
    assert told["weights"] < 1e-5
    assert told["history"] < 1e-5
    assert told["apart"] == 0, "replicas hold different weights or moving averages"
    assert told["moving"] > 0, "the moving averages never moved"
    assert told["resumed"] == 0, "a resumed run ended elsewhere"
    assert told["dropout"] > 0.01, "both replicas dropped the same"


def test_a_teacher_is_followed_as_hinton_says() -> None:
    """Against the loss written out in NumPy for one batch."""
    batch = a_batch()
    logits = np.random.default_rng(4).normal(0, 2, batch.targets.shape).astype(np.float32)
    chosen = Distillation(teacher="", temperature=3.0, share=0.7)
    model = small_model()
    optimizer = make_optimizer(small_optimisation(), model.trainable_variables)
    step = Stepper(model, optimizer, task="multi_class", label_smoothing=0.0, distillation=chosen)
    for layer in model.layers:
        if hasattr(layer, "rate"):
            layer.rate = 0.0  # nothing is dropped: the loss can be computed beside it
    own = model(batch.pixels, training=False)["logits"].numpy().astype(np.float64)

    def logs(values: np.ndarray) -> np.ndarray:
        return values - np.log(np.exp(values).sum(axis=1, keepdims=True))

    soft = np.exp(logs(logits / 3.0))
    divergence = (soft * (logs(logits / 3.0) - logs(own / 3.0))).sum(axis=1)
    hard = -(batch.targets * logs(own)).sum(axis=1)
    expected = (0.3 * hard + 0.7 * 9.0 * divergence).mean()
    result = step.train(replace(batch, taught=logits), rate=0.0, seed=(0, 0, 0))
    assert result.loss == pytest.approx(expected, rel=1e-4)
    with pytest.raises(ValueError, match="no teacher"):
        step.train(batch, rate=0.0, seed=(0, 0, 1))

"""The last layer, fitted on frozen features by penalised logistic regression.

The problem is convex, so there is no rate, no epoch and no seed: one strength of the L2
penalty is left to choose, and validation chooses it. Features are scaled for the fit so that
one penalty suits them all; the scaling is folded back into kernel and bias.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logsumexp
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from sightline.predictions import Task

Solver = Callable[[float], tuple[np.ndarray, np.ndarray]]

_MOST_ITERATIONS = 300
_TOLERANCE = 3e-4
"""Of the mean gradient; a third of it takes half as long again, for the same answers."""
_NEVER_SEEN = 10.0
"""The logit, below zero, of a class without an image; above zero, of a label that all have."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """A dense layer: `logits = features @ kernel + bias`.

    Attributes:
        kernel: float32 (d, k).
        bias: float32 (k,).
        strength: The inverse regularisation strength that validation chose.
        trials: (strength, validation loss, validation accuracy) for each one tried.
    """

    kernel: np.ndarray
    bias: np.ndarray
    strength: float
    trials: tuple[tuple[float, float, float], ...]

    def to_json(self) -> dict[str, Any]:
        """Return how the strength was chosen, as JSON."""
        names = ("strength", "validation_loss", "validation_accuracy")
        return {
            "strength": self.strength,
            "trials": [dict(zip(names, trial, strict=True)) for trial in self.trials],
        }


def fit_head(
    training: tuple[np.ndarray, np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    *,
    task: Task,
    strengths: Sequence[float],
    progress: Callable[[int, int], None] | None = None,
) -> Head:
    """Fit one head for each strength and return the one with the least validation loss.

    Args:
        training: Features float32 (n * v, d) of v views of each image, one image after the
            other; targets float32 (n, k) of 0 and 1, weights (n,). The views of an image
            share its weight.
        validation: Features and targets.
        task: Softmax over classes, or one sigmoid for each.
        strengths: Inverse regularisation strengths to try.
        progress: Called with (done, total).
    """
    features, targets, weights = training
    views = len(features) // len(targets)
    targets, weights = np.repeat(targets, views, axis=0), np.repeat(weights / views, views)
    mean, spread = features.mean(axis=0), _spread(features)
    scaled = ((features - mean) / spread).astype(np.float32)  # twice as fast as float64
    solver = _SOLVERS[task](scaled, targets, weights)
    heads = []
    for done, strength in enumerate(sorted(strengths), start=1):
        kernel, bias = solver(strength)
        kernel = kernel / spread[:, None]
        bias = bias - mean @ kernel
        loss, accuracy = _judge(validation[0] @ kernel + bias, validation[1], task)
        heads.append((loss, accuracy, strength, kernel, bias))
        if progress is not None:
            progress(done, len(strengths))
    _, _, strength, kernel, bias = min(heads, key=lambda head: head[0])
    return Head(
        kernel=kernel.astype(np.float32),
        bias=bias.astype(np.float32),
        strength=float(strength),
        trials=tuple((float(head[2]), head[0], head[1]) for head in heads),
    )


def _spread(features: np.ndarray) -> np.ndarray:
    """Return what features are divided by: Pareto scaling, (d,).

    The square root of a feature's standard deviation times the typical one. Wholly standardised
    features make noise of those that hardly move, and give them huge weights; the photos that
    chose this (`benchmarks/head.py`) lose less with it. From van den Berg et al. 2006,
    "Centering, scaling, and transformations".
    """
    deviation = features.std(axis=0, dtype=np.float64)
    moving = deviation[deviation > 0]
    if not len(moving):
        return np.ones_like(deviation)
    typical = np.median(moving)
    return np.sqrt(np.maximum(deviation, 1e-3 * typical) * typical)


def _softmax_solver(features: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> Solver:
    # Warm start: going from strong to weak penalties, each solution begins at the one before.
    model = LogisticRegression(max_iter=_MOST_ITERATIONS, tol=_TOLERANCE, warm_start=True)
    labels = targets.argmax(axis=1)
    present = np.unique(labels)

    def solve(strength: float) -> tuple[np.ndarray, np.ndarray]:
        kernel = np.zeros((features.shape[1], targets.shape[1]))
        bias = np.full(targets.shape[1], -_NEVER_SEEN)
        bias[present] = 0
        if len(present) > 1:
            _fit(model.set_params(C=strength), features, labels, weights)
            found, offset = model.coef_.T, model.intercept_
            if len(present) == 2:  # two classes come as one logit: share it between them
                found, offset = np.hstack([-found / 2, found / 2]), np.hstack([-offset, offset]) / 2
            kernel[:, present], bias[present] = found, offset
        return kernel, bias

    return solve


def _sigmoid_solver(features: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> Solver:
    given = targets > 0.5
    # A label that all images have, or none, has nothing to be told apart by.
    constant = np.where(given.all(axis=0), _NEVER_SEEN, -_NEVER_SEEN)
    models = {
        column: LogisticRegression(max_iter=_MOST_ITERATIONS, tol=_TOLERANCE, warm_start=True)
        for column in np.flatnonzero(given.any(axis=0) & ~given.all(axis=0))
    }

    def solve(strength: float) -> tuple[np.ndarray, np.ndarray]:
        kernel, bias = np.zeros((features.shape[1], targets.shape[1])), constant.copy()
        for column, model in models.items():
            _fit(model.set_params(C=strength), features, given[:, column], weights)
            kernel[:, column], bias[column] = model.coef_[0], model.intercept_[0]
        return kernel, bias

    return solve


_SOLVERS: Mapping[Task, Callable[[np.ndarray, np.ndarray, np.ndarray], Solver]] = {
    "multi_class": _softmax_solver,
    "multi_label": _sigmoid_solver,
}


def _fit(
    model: LogisticRegression, features: np.ndarray, labels: np.ndarray, weights: np.ndarray
) -> None:
    # One BLAS thread: the products are small, and waiting for a second one costs up to a
    # hundred times the work itself on a busy machine.
    with threadpool_limits(1, "blas"), warnings.catch_warnings():
        # A weak penalty may not converge; validation then judges the solution it has.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features, labels, sample_weight=weights)


def _judge(logits: np.ndarray, targets: np.ndarray, task: Task) -> tuple[float, float]:
    """Return the mean log loss and the share of images answered wholly right."""
    logits = logits.astype(np.float64)
    if task == "multi_class":
        losses = logsumexp(logits, axis=1) - (logits * targets).sum(axis=1)
        right = logits.argmax(axis=1) == targets.argmax(axis=1)
    else:
        losses = (np.logaddexp(0, logits) - logits * targets).sum(axis=1)
        right = ((logits >= 0) == (targets > 0.5)).all(axis=1)
    return float(losses.mean()), float(right.mean())

"""Classes as Gaussians with one covariance: probabilities and distances in closed form.

Linear discriminant analysis (Fisher 1936) whose covariance is shrunk towards a round one
(Friedman 1989, "Regularized Discriminant Analysis"). A class is its mean here, which a few wrong
labels hardly move, where a boundary that is fitted to each image bends to them: Lee et al. 2019,
"Robust Inference via Generative Classifiers for Handling Noisy Labels". The distance to the
nearest mean tells what belongs to no class: Lee et al. 2018, "A Simple Unified Framework for
Detecting Out-of-Distribution Samples and Adversarial Attacks".

All it needs of images are sums, so that leaving a fold out is a subtraction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SHRINKAGE = 0.25
"""Share of the round covariance; from 0.1 to 0.4 the log loss on photos changes by 2 %."""

BLOCK = 4096
"""Rows that are worked on at once: bounds the memory."""


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Sums over labelled features.

    Attributes:
        counts: Images of each class, int64 (k,).
        sums: Of the features of each class, float64 (k, d).
        products: Sum of the outer products of all, float64 (d, d).
    """

    counts: np.ndarray
    sums: np.ndarray
    products: np.ndarray

    @classmethod
    def of(
        cls, features: np.ndarray, labels: np.ndarray, rows: np.ndarray, *, classes: int
    ) -> Moments:
        """Return the sums over some rows.

        Args:
            features: float (n, d), finite in `rows`.
            labels: int64 (n,), from 0 to `classes` - 1 in `rows`.
            rows: int64 (m,).
            classes: How many; one may be without an image.
        """
        width = features.shape[1]
        sums, products = np.zeros((classes, width)), np.zeros((width, width))
        for start in range(0, len(rows), BLOCK):
            part = rows[start : start + BLOCK]
            block = features[part].astype(np.float64)
            sums += np.eye(classes)[labels[part]].T @ block
            products += block.T @ block
        return cls(
            counts=np.bincount(labels[rows], minlength=classes), sums=sums, products=products
        )

    def __add__(self, other: Moments) -> Moments:
        """Return the sums over both."""
        return Moments(
            counts=self.counts + other.counts,
            sums=self.sums + other.sums,
            products=self.products + other.products,
        )

    def __sub__(self, other: Moments) -> Moments:
        """Return the sums over what is here and not in `other`, which is a part of it."""
        return Moments(
            counts=self.counts - other.counts,
            sums=self.sums - other.sums,
            products=self.products - other.products,
        )


class Gaussians:
    """Classes fitted to sums.

    Args:
        moments: At least one image.
    """

    def __init__(self, moments: Moments) -> None:
        self._counts = moments.counts
        means = moments.sums / np.maximum(moments.counts, 1)[:, None]
        between = means.T @ (means * moments.counts[:, None])
        covariance = (moments.products - between) / moments.counts.sum()
        size = len(covariance)
        # Where nothing differs within classes, any difference is large.
        floor = max(float(np.trace(covariance)) / size, float(np.finfo(np.float32).eps))
        shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * floor * np.eye(size)
        self._whitening = np.linalg.inv(np.linalg.cholesky(shrunk)).T
        self._means = means @ self._whitening

    def distances(self, features: np.ndarray) -> np.ndarray:
        """Return squared Mahalanobis distances (n, k); infinite to a class without an image."""
        white = features @ self._whitening
        squares = (white**2).sum(axis=1)[:, None] + (self._means**2).sum(axis=1)
        found: np.ndarray = np.maximum(squares - 2 * white @ self._means.T, 0)
        found[:, self._counts == 0] = np.inf
        return found

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Return logits (n, k); minus infinity for a class without an image."""
        with np.errstate(divide="ignore"):
            prior = np.log(self._counts / self._counts.sum())
        found: np.ndarray = prior - self.distances(features) / 2
        return found

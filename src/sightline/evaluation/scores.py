"""Precision, recall and F1 from counts, for one sample or for thousands of resamples at once.

The averages are those of scikit-learn with `zero_division=0` over the classes that occur: in
the labels, in the answers or both. A class that never occurs says nothing and is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Rate = Literal["precision", "recall", "f1"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Marginals:
    """Counts for each class, of one sample or of many resamples.

    Attributes:
        hits: Images of the class that are given it, (..., k).
        answered: Images that are given the class, (..., k).
        support: Images of the class, (..., k).
    """

    hits: np.ndarray
    answered: np.ndarray
    support: np.ndarray

    @property
    def occurs(self) -> np.ndarray:
        """Which classes are in the labels or in the answers: bool (..., k)."""
        return (self.answered + self.support) > 0  # type: ignore[no-any-return]

    @property
    def precision(self) -> np.ndarray:
        """Float64 (..., k); 0 where a class was never answered."""
        return ratio(self.hits, self.answered)

    @property
    def recall(self) -> np.ndarray:
        """Float64 (..., k); 0 where a class has no image."""
        return ratio(self.hits, self.support)

    @property
    def f1(self) -> np.ndarray:
        """Float64 (..., k); 0 where a class does not occur."""
        return ratio(2 * self.hits, self.answered + self.support)

    def macro(self, rate: Rate) -> np.ndarray:
        """Return the mean of a rate over the classes that occur: (...)."""
        return ratio((getattr(self, rate) * self.occurs).sum(axis=-1), self.occurs.sum(axis=-1))

    def weighted(self, rate: Rate) -> np.ndarray:
        """Return the mean of a rate weighted by support: (...)."""
        return ratio((getattr(self, rate) * self.support).sum(axis=-1), self.support.sum(axis=-1))

    def micro(self, rate: Rate) -> np.ndarray:
        """Return a rate of all classes counted together: (...)."""
        total = Marginals(
            hits=self.hits.sum(axis=-1),
            answered=self.answered.sum(axis=-1),
            support=self.support.sum(axis=-1),
        )
        return getattr(total, rate)  # type: ignore[no-any-return]

    def matthews(self) -> np.ndarray:
        """Return Matthews' correlation of truth and answer: (...); NaN where one never varies.

        For one class and one answer an image.

        Source: J. Gorodkin, Computational Biology and Chemistry 28 (2004), 367-374.
        """
        n, answered, support, by_chance = self._squares()
        spread = np.sqrt((n * n - answered) * (n * n - support))
        return _or_nan(n * self.hits.sum(axis=-1) - by_chance, spread)

    def kappa(self) -> np.ndarray:
        """Return Cohen's kappa: (...); NaN where all truths and answers are of one class.

        Source: J. Cohen, Educational and Psychological Measurement 20 (1960), 37-46.
        """
        n, _, _, by_chance = self._squares()
        return _or_nan(n * self.hits.sum(axis=-1) - by_chance, n * n - by_chance)

    def _squares(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        # In float64: products of counts would leave int64 from 3e9 images on.
        answered, support = np.float64(self.answered), np.float64(self.support)
        return (
            support.sum(axis=-1),
            (answered**2).sum(axis=-1),
            (support**2).sum(axis=-1),
            (answered * support).sum(axis=-1),
        )

    def against_the_rest(self, n: np.ndarray | int) -> Marginals:
        """Return for each class the marginals of that class and of all else, (..., k, 2).

        Args:
            n: Images, of the sample or of each resample (...).
        """
        whole = np.asarray(n)[..., None]
        rest = whole - self.answered - self.support + self.hits
        return Marginals(
            hits=np.stack([self.hits, rest], axis=-1),
            answered=np.stack([self.answered, whole - self.answered], axis=-1),
            support=np.stack([self.support, whole - self.support], axis=-1),
        )

    def balanced_accuracy(self) -> np.ndarray:
        """Return the mean recall over the classes that have images: (...)."""
        return ratio(self.recall.sum(axis=-1), (self.support > 0).sum(axis=-1))


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part / whole in float64, 0 where the whole is 0."""
    defined = np.asarray(whole) > 0
    return np.asarray(np.divide(part, whole, out=np.zeros(defined.shape), where=defined))


def _or_nan(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    # Rounding may leave a sum that is 0 a little above or below it.
    defined = np.asarray(whole) > 1e-9
    return np.asarray(np.divide(part, whole, out=np.full(defined.shape, np.nan), where=defined))

"""Images that hang together: frames of one film, photos of one patient.

Ten frames of one film are not ten independent trials. Where images have groups, whole groups
are what was drawn, and a figure is worth fewer trials than it has images: its effective n.

Source: L. Kish, "Survey Sampling", 1965 (design effect); E. L. Korn and B. I. Graubard,
"Confidence intervals for proportions with small expected number of positive counts estimated
from survey data", Survey Methodology 24 (1998), 193-201 (effective n, degrees of freedom).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sightline.evaluation.estimates import Z95, Estimate, wilson, wilson_limits
from sightline.evaluation.grouping import Groups, check_groups, numbered


@dataclass(frozen=True, kw_only=True, eq=False)
class Clusters:
    """Which images belong together.

    Attributes:
        of: The group of each image, int64 (n,), from 0.
        count: How many groups.
    """

    of: np.ndarray
    count: int

    @classmethod
    def named(cls, groups: Groups) -> Clusters | None:
        """Number the groups in the order in which they come.

        Args:
            groups: One for each image; an image whose group is None is one of its own.

        Returns:
            None where no two images share a group.
        """
        of = numbered(groups)
        count = int(of.max()) + 1 if len(of) else 0
        return cls(of=of, count=count) if count < len(of) else None

    @classmethod
    def among(cls, kept: np.ndarray, groups: Groups | None, *, each: int = 1) -> Clusters | None:
        """Return how the answers to some of the images hang together: by group, else by image.

        Args:
            kept: Which of all images they are of, bool (n,).
            groups: What each of all images belongs to.
            each: Answers to one image, one after the other.

        Returns:
            None where no two answers hang together.

        Raises:
            DataError: Not one group for each image.
        """
        if groups is not None:
            check_groups(groups, len(kept))
        units = np.arange(len(kept)) if groups is None else numbered(groups)
        return cls.named(units[kept].repeat(each).tolist())

    def at(self, rows: np.ndarray) -> Clusters:
        """Return the groups of what belongs to these images, int64 (m,)."""
        return Clusters(of=self.of[rows], count=self.count)

    def sums(self, table: np.ndarray) -> np.ndarray:
        """Return the sums (groups, ...) of the rows (n, ...) that belong to each group."""
        sums = np.zeros((self.count, *table.shape[1:]))
        np.add.at(sums, self.of, table)
        return sums


def share_estimate(hits: np.ndarray, trials: np.ndarray, clusters: Clusters | None) -> Estimate:
    """Return the share of hits among trials: Wilson's interval, with the effective n for groups.

    Args:
        hits: Bool (n,), within `trials`.
        trials: Bool (n,).
        clusters: Which images hang together.
    """
    successes, n = int(hits.sum()), int(trials.sum())
    if clusters is None or n == 0:
        return wilson(successes, n)
    share = successes / n
    low, high = wilson_limits(share, effective_n(hits, trials, clusters))
    return Estimate(value=share, low=low, high=high, n=n)


def effective_n(hits: np.ndarray, trials: np.ndarray, clusters: Clusters | None) -> float:
    """Return how many independent trials some trials are worth, at least one of them.

    The design effect is that of the groups' totals, and the worst that their sizes allow
    (each group all right or all wrong) where hardly a group shows what it is: a sample
    without an error says nothing of how errors hang together.
    """
    if clusters is None:
        return float(trials.sum())
    sizes = np.bincount(clusters.of, weights=trials, minlength=clusters.count)
    won = np.bincount(clusters.of, weights=hits, minlength=clusters.count)
    won, sizes = won[sizes > 0], sizes[sizes > 0]
    n, groups = sizes.sum(), len(sizes)
    worst = float((sizes**2).sum() / n)
    share = won.sum() / n
    telling = min(int((won > 0).sum()), int((won < sizes).sum()))
    seen = worst
    if telling and groups > 1:
        spread = groups / (groups - 1) * ((won - share * sizes) ** 2).sum()
        seen = max(1.0, float(spread / (n * share * (1 - share))))
    design_effect = (worst + telling * seen) / (1 + telling)
    return float(n / design_effect * (Z95 / student95(groups - 1)) ** 2)


def linear_limits(
    value: float, influence: np.ndarray, clusters: Clusters | None
) -> tuple[float, float]:
    """Return limits for a figure in [0, 1] from how much each image moves it.

    The variance is that of the sum of influences (the infinitesimal jackknife; for a ROC AUC,
    DeLong's), the interval Wilson's with the n that has this variance. It is a point where
    nothing moves, as with an AUC of 1: a caller knows better then.

    Args:
        value: The figure.
        influence: What each image adds to its deviation, float64 (images,).
        clusters: Which images hang together.

    Source: E. R. DeLong et al., Biometrics 44 (1988), 837-845; for groups N. A. Obuchowski,
    Biometrics 53 (1997), 567-578.
    """
    parts = influence if clusters is None else clusters.sums(influence)
    groups = int(np.count_nonzero(parts))
    variance = float((parts**2).sum() * groups / (groups - 1)) if groups > 1 else 0.0
    if variance < 1e-18:
        return value, value
    worth = value * (1 - value) / variance
    if clusters is not None:
        worth *= (Z95 / student95(groups - 1)) ** 2
    low, high = wilson_limits(min(1.0, max(0.0, value)), max(worth, 1e-9))
    return min(low, value), max(high, value)


def worth_of(some: np.ndarray, influence: np.ndarray, clusters: Clusters | None) -> float:
    """Return how many independent images some of the images are worth for a figure.

    As for `share_estimate`, but that influences on the figure tell how images hang together.

    Args:
        some: Which images, bool (n,), at least one.
        influence: Of each image on the figure, (n,).
        clusters: Which images hang together.
    """
    count = float(some.sum())
    if clusters is None:
        return count
    sizes = clusters.sums(some.astype(np.float64))
    worst = float((sizes**2).sum() / count)
    own, telling = float((influence**2).sum()), int(np.count_nonzero(sizes))
    seen = max(1.0, float((clusters.sums(influence) ** 2).sum()) / own) if own > 0 else worst
    return count * (1 + telling) / (worst + telling * seen)


def student95(freedom: int) -> float:
    """Return the 97.5 % point of Student's t: to 0.2 %; at least 1 degree of freedom is meant.

    Source: M. Abramowitz and I. A. Stegun, "Handbook of Mathematical Functions", 26.7.5.
    """
    if freedom <= 2:  # where the series is off by 11 % and 1 %
        return 12.706204736 if freedom <= 1 else 4.302652730
    nu, z = freedom, Z95
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / nu**power for power, term in enumerate(terms, start=1))

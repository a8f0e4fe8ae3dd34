"""Is a confidence of 0.9 right nine times in ten? Observed shares in bins of equal mass.

Bins of equal mass, not of equal width: confidences crowd near 1, where equal widths would put
nearly all images into one bin. Equal confidences stay in one bin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sightline.evaluation.clusters import Clusters, share_estimate
from sightline.evaluation.estimates import Estimate
from sightline.evaluation.resampling import resample_sums

_MOST_BINS = 15
_FEWEST_IN_A_BIN = 10


@dataclass(frozen=True, kw_only=True)
class ReliabilityBin:
    """Decisions of about the same confidence.

    Attributes:
        low: The least confidence.
        high: The greatest.
        confidence: The mean.
        observed: How often they were right, with n.
    """

    low: float
    high: float
    confidence: float
    observed: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return the bin."""
        return {
            "low": self.low,
            "high": self.high,
            "confidence": self.confidence,
            "observed": self.observed.to_json(),
        }


def bin_numbers(confidence: np.ndarray, bins: int | None = None) -> np.ndarray:
    """Return the bin of each confidence, int64 (n,); some bins may hold none.

    Args:
        confidence: Float64 (n,), n > 0.
        bins: How many; by default at most 15, of at least 10 confidences.
    """
    count = bins or max(1, min(_MOST_BINS, len(confidence) // _FEWEST_IN_A_BIN))
    edges = np.percentile(confidence, 100 * np.linspace(0, 1, count + 1)[1:-1])
    return np.searchsorted(edges, confidence)


def reliability(
    confidence: np.ndarray, right: np.ndarray, *, clusters: Clusters | None = None
) -> tuple[ReliabilityBin, ...]:
    """Return the reliability diagram of decisions, the least confident first.

    Args:
        confidence: Float64 (n,).
        right: Bool (n,).
        clusters: Which decisions hang together.
    """
    if not len(confidence):
        return ()
    bins = bin_numbers(confidence)
    return tuple(
        ReliabilityBin(
            low=float(confidence[inside].min()),
            high=float(confidence[inside].max()),
            confidence=float(confidence[inside].mean()),
            observed=share_estimate(right & inside, inside, clusters),
        )
        for inside in (bins == number for number in np.unique(bins))
    )


def calibration_error(
    confidence: np.ndarray,
    right: np.ndarray,
    *,
    n: int,
    clusters: Clusters | None = None,
    seed: int = 0,
) -> Estimate:
    """Return the expected calibration error: the mean gap between confidence and rightness.

    The gap is taken in each bin and weighted by its decisions. It is never quite 0 even for a
    perfect model, because chance adds to it. The basic bootstrap takes that off, the percentile
    bootstrap adds it again: the interval reaches from the lower limit of the one to the upper
    limit of the other. Nor is the upper limit below that of the gap of all decisions together,
    which is never more than the mean gap: twenty of twenty right do not prove a confidence of
    0.99.

    Args:
        confidence: Float64 (m,).
        right: Bool (m,).
        n: Images that they are about.
        clusters: Which decisions hang together, as those about one image do.
        seed: Of the bootstrap.

    Source: M. P. Naeini et al., "Obtaining well calibrated probabilities using Bayesian
    binning", AAAI 2015.
    """
    if not len(confidence):
        return Estimate.undefined()
    bins = bin_numbers(confidence)
    width = int(bins.max()) + 1
    of = np.arange(len(bins)) if clusters is None else clusters.of
    units = int(of.max()) + 1
    gaps = np.bincount(
        of * width + bins, weights=confidence - right, minlength=units * width
    ).reshape(units, width)
    value = float(np.abs(gaps.sum(axis=0)).sum() / len(confidence))
    sums = resample_sums(np.column_stack([gaps, np.bincount(of)]), seed=seed)
    drawn = np.abs(sums[:, :-1]).sum(axis=1) / sums[:, -1]
    high = float(np.quantile(drawn, 0.975))
    low = max(0.0, min(value, 2 * value - high))
    overall = share_estimate(right, np.ones(len(right), bool), clusters)
    believed = float(confidence.mean())
    high = max(value, high, believed - overall.low, overall.high - believed)
    return Estimate(value=value, low=low, high=high, n=n)

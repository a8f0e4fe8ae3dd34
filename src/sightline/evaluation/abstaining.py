"""When to say "unsure": a limit on the confidence, chosen on held-out images, with a promise.

Two ways to ask. `limit_for_error`: of the answers that are given, at most a share is wrong.
`limit_for_coverage`: at least a share of the images gets an answer. The images that choose the
limit must not have trained or chosen the model, and must come from where later images come from.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sightline.errors import CheckFailedError, ConfigError
from sightline.evaluation.clusters import Clusters, share_estimate
from sightline.evaluation.counts import Labels, label_matrix
from sightline.evaluation.estimates import Estimate, wilson
from sightline.evaluation.grouping import Groups
from sightline.predictions import Predictions

CONFIDENCE_LEVEL = 0.95
"""How sure it is that a limit for an error holds what it promises."""

_STEPS = 100
"""Sizes that are tried between the fewest answers that can show anything and all."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A confidence below which the answer is "unsure".

    Attributes:
        unsure_below: The limit itself.
        promise: What it promises, in words.
        coverage: Share of the images that chose it which get an answer.
        error: Share of wrong answers among those; seen on the images that chose, so it flatters.
    """

    unsure_below: float
    promise: str
    coverage: Estimate
    error: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return the limit and its figures."""
        return {
            "unsure_below": self.unsure_below,
            "promise": self.promise,
            "coverage": self.coverage.to_json(),
            "error": self.error.to_json(),
        }


def limit_for_error(
    confidence: np.ndarray, right: np.ndarray, max_error: float, *, unit: str = "images"
) -> Limit:
    """Return the lowest limit at which the answers given are shown to be wrong seldom enough.

    Tried are the 10 most confident images, say, then more and more; each size is tested by the
    exact binomial, and the last size of an unbroken row of passed tests is taken. Testing in an
    order that was fixed before needs no correction for many tests; starting at a few places in
    parallel, so that one early mistake does not end it, divides what the tests may spend.

    Args:
        confidence: float32 (n,), of images that neither trained nor chose the model and do not
            hang together.
        right: bool (n,), whether each answer is right.
        max_error: The share of wrong answers that is allowed, above 0 and below 1.
        unit: What n counts, for the words.

    Raises:
        ConfigError: `max_error` is no such share.
        CheckFailedError: These images cannot show it.

    Source: A. N. Angelopoulos, S. Bates, E. J. Candès, M. I. Jordan, L. Lei, "Learn then Test",
    2021, section 4; the question is that of Y. Geifman and R. El-Yaniv, "Selective
    Classification for Deep Neural Networks", NeurIPS 2017.
    """
    check_share("max_error", max_error)
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence, wrong = confidence[order], np.cumsum(~right[order])
    starts = _starts(len(order), max_error)
    best = 0
    for start in starts:
        for size in _sizes(start, len(order)):
            # The limit is a confidence: all images that reach it are answered, ties too. The
            # one that defines it is no independent draw, so it counts as an error at most.
            inside = int(np.searchsorted(-sorted_confidence, -sorted_confidence[size - 1], "right"))
            if tail(inside - 1, int(wrong[inside - 1]), max_error) > (1 - CONFIDENCE_LEVEL) / len(
                starts
            ):
                break
            best = max(best, inside)
    if not best:
        raise _not_shown(max_error, wrong, unit)
    limit = float(sorted_confidence[best - 1])
    promise = (
        f"of the answers given, at most {max_error:.4g} are wrong "
        f"(with {CONFIDENCE_LEVEL:.0%} confidence, shown on {len(order)} {unit})"
    )
    return _limit(limit, confidence, right, promise)


def limit_for_coverage(
    confidence: np.ndarray,
    right: np.ndarray,
    coverage: float,
    *,
    unanswered: int = 0,
    unit: str = "images",
) -> Limit:
    """Return the limit at which a share of the images gets an answer.

    Args:
        confidence: float32 (n,), of images that neither trained nor chose the model and do not
            hang together.
        right: bool (n,); only for the figures.
        coverage: The share, above 0 and below 1.
        unanswered: Further images that get no answer anyway, among them the one whose distance
            set the limit for that: such a limit costs coverage too.
        unit: What n counts, for the words.

    Raises:
        ConfigError: `coverage` is no such share.
        CheckFailedError: There are too few images.
    """
    check_share("coverage", coverage)
    n = len(confidence) + unanswered
    # A new image is as likely to fall on any place among the n; cf. `conformal`. On average over
    # models, (n - unanswered + 1) / (n + 1) get past the other limit, and of them all but
    # place / (n - unanswered + 1) past this one.
    place = math.floor(len(confidence) + 1 - (n + 1) * coverage + 1e-9)
    if n == 0 or place < 1:
        raise CheckFailedError(
            f"{n} {unit} cannot show a coverage of {coverage:.4g}.",
            expected=f"at most {len(confidence) / (n + 1):.3g} with {unanswered} of them unanswered"
            if unanswered
            else f"at least {math.ceil(coverage / (1 - coverage))} of them",
            fix="give more validation images, or ask for less",
            code="too_few_images",
        )
    limit = float(np.sort(confidence)[place - 1])
    promise = f"at least {coverage:.4g} of the images get an answer (mean, chosen on {n} {unit})"
    return _limit(limit, confidence, right, promise, unanswered=unanswered)


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What the rules of a model do on labelled images.

    Attributes:
        coverage: Share of the images that get an answer; multi-label: of the decisions.
        error: Share of wrong ones among the answers given.
        counted: `"images"` or `"decisions"`.
    """

    coverage: Estimate
    error: Estimate
    counted: str

    def to_json(self) -> dict[str, Any]:
        """Return both."""
        return {"coverage": self.coverage.to_json(), "error": self.error.to_json()}


def answered(
    predictions: Predictions, labels: Labels, *, groups: Groups | None = None
) -> Answered | None:
    """Judge what is answered when `unsure_below` and `unlike_above` act; None without such rules.

    Args:
        predictions: The answers, with the rules.
        labels: The right answers, aligned.
        groups: What each image belongs to, None for one of its own. The decisions of one image
            hang together in any case.

    Raises:
        DataError: The labels or the groups do not fit.
    """
    if predictions.unsure_below is None and predictions.unlike_above is None:
        return None
    ok = predictions.ok
    wrong = (predictions.chosen != label_matrix(predictions, labels))[ok]
    given = ~predictions.unlike[ok, None]
    if predictions.task == "multi_class":
        wrong, given = wrong.any(axis=1, keepdims=True), given & ~predictions.unsure[ok, None]
    else:
        given = given & ~predictions.unsure_decisions[ok]
    clusters = Clusters.among(ok, groups, each=given.shape[1])
    flat, everything = given.ravel(), np.ones(given.size, bool)
    return Answered(
        coverage=share_estimate(flat, everything, clusters),
        error=share_estimate(wrong.ravel() & flat, flat, clusters),
        counted="images" if predictions.task == "multi_class" else "decisions",
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class RiskCoverage:
    """How often the answers are wrong when only the most confident are given.

    Attributes:
        coverage: Share of images answered, float64 (m,), rising to 1.
        risk: Share of wrong answers among them, (m,).
        low: Lower limit of Wilson's 95 % interval of the risk, (m,).
        high: Upper limit, (m,).
        unsure_below: The confidence that gives each coverage, (m,).
        area: Mean risk over all coverages: less is better (AURC).
        n: Images.
    """

    coverage: np.ndarray
    risk: np.ndarray
    low: np.ndarray
    high: np.ndarray
    unsure_below: np.ndarray
    area: float
    n: int

    def to_json(self) -> dict[str, Any]:
        """Return the curve as lists."""
        names = ("coverage", "risk", "low", "high", "unsure_below")
        curve = {name: getattr(self, name).tolist() for name in names}
        return {**curve, "area": self.area, "n": self.n}


def risk_coverage(
    confidence: np.ndarray,
    right: np.ndarray,
    *,
    clusters: Clusters | None = None,
    points: int = 100,
) -> RiskCoverage | None:
    """Return the risk-coverage curve of answers; None without images.

    Args:
        confidence: float32 (n,).
        right: bool (n,), whether each answer is right.
        clusters: Which images hang together.
        points: How many to thin the curve to, about.

    Source: Y. Geifman, G. Uziel, R. El-Yaniv, "Bias-Reduced Uncertainty Estimation for Deep
    Neural Classifiers", ICLR 2019 (area under the curve).
    """
    n = len(confidence)
    if n == 0:
        return None
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence, wrong = confidence[order], np.cumsum(~right[order])
    # Images of the same confidence are answered together or not at all.
    ends = np.append(np.flatnonzero(np.diff(sorted_confidence)), n - 1)
    risks = wrong[ends] / (ends + 1)
    area = float(np.repeat(risks, np.diff(ends, prepend=-1)).mean())
    kept = np.unique(np.linspace(0, len(ends) - 1, points).round().astype(np.int64))
    ordered = None if clusters is None else clusters.at(order)
    surest = (np.arange(n) <= end for end in ends[kept])
    estimates = [share_estimate(inside & ~right[order], inside, ordered) for inside in surest]
    return RiskCoverage(
        coverage=(ends[kept] + 1) / n,
        risk=risks[kept],
        low=np.array([estimate.low for estimate in estimates]),
        high=np.array([estimate.high for estimate in estimates]),
        unsure_below=sorted_confidence[ends[kept]].astype(np.float64),
        area=area,
        n=n,
    )


def _starts(n: int, max_error: float) -> list[int]:
    """Return sizes to start from, each twice the one before; empty where n can show nothing.

    More starts need more images each, for they share what the tests may spend.
    """
    best: list[int] = []
    for count in range(1, 6):
        spent = (1 - CONFIDENCE_LEVEL) / count
        first = math.ceil(math.log(spent) / math.log1p(-max_error)) + 1
        if first * 2 ** (count - 1) <= n:
            best = [first * 2**power for power in range(count)]
    return best


def _sizes(start: int, n: int) -> Iterator[int]:
    step = max(1, (n - start) // _STEPS)
    yield from range(start, n, step)
    yield n


def tail(n: int, errors: int, share: float) -> float:
    """Return how probable so few errors among n are where `share` is wrong: P(Bin <= errors)."""
    steps = np.arange(min(errors, n), dtype=np.float64)
    logs = np.cumsum(np.append(0.0, np.log((n - steps) / (steps + 1))))
    counts = np.arange(len(logs))
    return float(np.exp(logs + counts * math.log(share) + (n - counts) * math.log1p(-share)).sum())


def _limit(
    limit: float, confidence: np.ndarray, right: np.ndarray, promise: str, *, unanswered: int = 0
) -> Limit:
    answered = confidence >= np.float32(limit)
    given = int(answered.sum())
    return Limit(
        unsure_below=limit,
        promise=promise,
        coverage=wilson(given, len(confidence) + unanswered),
        error=wilson(int((answered & ~right).sum()), given),
    )


def check_share(name: str, value: float) -> None:
    """Refuse what is not a share above 0 and below 1.

    Raises:
        ConfigError: `value` is not.
    """
    if not 0 < value < 1:
        raise ConfigError(
            f"{name} is {value}.",
            expected="a share above 0 and below 1",
            fix="write 5 % as 0.05, for example",
            code="out_of_range",
        )


def _not_shown(max_error: float, wrong: np.ndarray, unit: str) -> CheckFailedError:
    n = len(wrong)
    fewest = math.ceil(math.log(1 - CONFIDENCE_LEVEL) / math.log1p(-max_error)) + 1
    return CheckFailedError(
        f"{n} {unit} cannot show that at most {max_error:.4g} of the answers are wrong: "
        f"{int(wrong[-1]) if n else 0} are wrong in all, and no group of the most confident ones "
        "is large and right enough.",
        expected=f"at least {fewest} confident answers without a mistake, or more with few",
        fix="give more validation images, or allow more errors",
        code="not_shown",
    )

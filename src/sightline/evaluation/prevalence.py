"""The same classifier where classes are as frequent as in use, not as in the test images.

Test images are often balanced by hand while one part in a hundred is faulty in use; precision
and all that depends on it is another there. How classes are told apart is taken to stay: only
their shares change. So each image counts as much as its class is more frequent in use.

Two things are kept apart: `at_prevalence` weighs the images and leaves every answer as it is;
`adjusted` changes the probabilities themselves, and with them the answers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sightline.errors import ConfigError, DataError, unknown_name
from sightline.evaluation.clusters import share_estimate
from sightline.evaluation.counts import LOG_LOSS, Counts
from sightline.evaluation.estimates import Estimate, mean_of, wider
from sightline.evaluation.resampling import (
    SHARE,
    mean_estimate,
    percentile_estimate,
    resample_sums,
)
from sightline.evaluation.scores import Marginals
from sightline.files import printable
from sightline.predictions import Predictions


@dataclass(frozen=True, kw_only=True)
class AtPrevalence:
    """Figures for another balance of classes. A recall does not depend on it and is not here.

    Attributes:
        shares: The share of each class in use; they add up to 1.
        n: Images judged.
        effective_n: How many images of that balance they are worth.
        accuracy: Share of answers that are right.
        precision: Of the images given each class, the share that has it.
        f1: Of each class.
        macro_f1: Mean over the classes that occur.
        weighted_f1: Mean weighted by the shares.
        log_loss: Mean negative logarithm of the probability of the truth, in nats.
    """

    shares: Mapping[str, float]
    n: int
    effective_n: float
    accuracy: Estimate
    precision: Mapping[str, Estimate]
    f1: Mapping[str, Estimate]
    macro_f1: Estimate
    weighted_f1: Estimate
    log_loss: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return the figures."""
        return {
            "n": self.n,
            "effective_n": self.effective_n,
            "accuracy": self.accuracy.to_json(),
            "macro_f1": self.macro_f1.to_json(),
            "weighted_f1": self.weighted_f1.to_json(),
            "log_loss": self.log_loss.to_json(),
            "classes": [
                {
                    "name": name,
                    "share": share,
                    "precision": self.precision[name].to_json(),
                    "f1": self.f1[name].to_json(),
                }
                for name, share in self.shares.items()
            ],
        }


def at_prevalence(
    counts: Counts, prevalence: Mapping[str, float], *, seed: int = 0
) -> AtPrevalence:
    """Return the figures for another balance of classes.

    Each image of a class weighs its share in use over its share in the sample.

    Args:
        counts: Answers compared with labels, multi-class.
        prevalence: The share in use of some classes or of all; the rest keep their balance
            among each other.
        seed: Of the bootstrap.

    Raises:
        ConfigError: The answers are multi-label, a class is unknown, or the shares are none.
        DataError: A class with a share has no image.

    Source: for effective n, L. Kish, "Survey Sampling", 1965: (sum of weights)^2 over the sum
    of squared weights.
    """
    check_prevalence(prevalence, task=counts.task, classes=counts.classes)
    support = counts.marginals.support
    shares = _shares_in_use(counts, prevalence)
    weights = np.divide(shares, support, out=np.zeros(len(shares)), where=support > 0)
    of_images = weights[counts.outcomes[:, 0]]
    per_class = [_class_figures(counts, shares, column) for column in range(len(shares))]
    macro, weighted = _mean_f1([f1 for _, _, f1 in per_class], counts, shares, of_images, seed)
    names = counts.classes
    recalls = [recall for recall, _, _ in per_class]
    return AtPrevalence(
        shares=dict(zip(names, shares.tolist(), strict=True)),
        n=counts.n,
        effective_n=float(of_images.sum() ** 2 / (of_images**2).sum()),
        accuracy=mean_of(recalls, shares=shares.tolist(), n=counts.n),
        precision={name: one for name, (_, one, _) in zip(names, per_class, strict=True)},
        f1={name: one for name, (_, _, one) in zip(names, per_class, strict=True)},
        macro_f1=macro,
        weighted_f1=weighted,
        log_loss=mean_estimate(
            counts.losses * of_images * counts.n,
            within=LOG_LOSS,
            clusters=counts.clusters,
            seed=seed,
        ),
    )


def adjusted(
    predictions: Predictions, prevalence: Mapping[str, float], *, trained: Mapping[str, float]
) -> Predictions:
    """Return the answers of a classifier that is told how frequent each class is in use.

    Probabilities are multiplied by the share in use over the share in training and scaled to
    add up to 1. This changes answers; it is right as far as the probabilities are.

    Args:
        predictions: Multi-class answers.
        prevalence: The share of every class in use.
        trained: The share of every class in the training images.

    Returns:
        The same rows without logits, which would contradict the new probabilities.

    Raises:
        ConfigError: Not multi-class, or the shares are not above 0 for every class.

    Source: M. Saerens, P. Latinne and C. Decaestecker, "Adjusting the outputs of a classifier
    to new a priori probabilities", Neural Computation 14 (2002), 21-41, equation 2.4.
    """
    classes = predictions.classes
    for given in (prevalence, trained):
        check_prevalence(given, task=predictions.task, classes=classes)
        missing = [name for name in classes if name not in given]
        if missing:
            raise _bad_shares(f"No share is given of {', '.join(map(printable, missing))}.")
    new, old = (np.array([given[name] for name in classes]) for given in (prevalence, trained))
    scaled = predictions.probabilities.astype(np.float64) * (new / old)
    scaled /= scaled.sum(axis=1, keepdims=True)
    return replace(predictions, probabilities=scaled.astype(np.float32), logits=None)


def check_prevalence(prevalence: Mapping[str, float], *, task: str, classes: Sequence[str]) -> None:
    """Refuse shares that cannot be, before anything is predicted.

    Raises:
        ConfigError: The task is multi-label, a class is unknown, or the shares are none.
    """
    if task != "multi_class":
        raise ConfigError(
            "Labels of which an image may have several have no shares that add up to 1.",
            expected="a multi-class model",
            code="not_multi_class",
        )
    for name, share in prevalence.items():
        if name not in classes:
            raise unknown_name("class", name, classes)
        if not 0 < share < 1:
            raise _bad_shares(f"The share of {printable(name)} is {share}.")
    total, whole = math.fsum(prevalence.values()), len(prevalence) == len(classes)
    if whole and abs(total - 1) > 1e-6:
        raise _bad_shares(f"The shares of all classes add up to {total:g}.")
    if not whole and total >= 1:
        raise _bad_shares(f"The shares add up to {total:g} and leave nothing for the rest.")


def _class_figures(
    counts: Counts, shares: np.ndarray, column: int
) -> tuple[Estimate, Estimate, Estimate]:
    """Return recall, precision and F1 of one class.

    With share s, recall r and f, the share of all images that are given the class falsely,
    precision is sr / (sr + f) and F1 is 2sr / (s + sr + f): functions of the independent r and f.
    """
    truth, answer = counts.truth_and_answer
    clusters, given, share = counts.clusters, answer[:, column], float(shares[column])
    recall = share_estimate(given & truth[:, column], truth[:, column], clusters)
    if share == 0:
        return recall, Estimate.undefined(), Estimate.undefined()
    others = [other for other in range(len(shares)) if other != column and shares[other] > 0]
    rates = [share_estimate(given & truth[:, one], truth[:, one], clusters) for one in others]
    false = Estimate(value=0.0, low=0.0, high=0.0, n=counts.n)
    if rates:
        false = mean_of(rates, shares=(shares[others] / (1 - share)).tolist(), n=counts.n).times(
            1 - share
        )
    found = recall.times(share)
    missed = Estimate(
        value=share + false.value, low=share + false.low, high=share + false.high, n=counts.n
    )
    precision = _share_of_sum(found, false, counts.n)
    half = _share_of_sum(found, missed, counts.n)
    return recall, precision, half.times(2)


def _share_of_sum(part: Estimate, rest: Estimate, n: int) -> Estimate:
    """Return part / (part + rest) of two independent figures that are not negative.

    Source: G. Y. Zou and A. Donner, as for `mean_of`: limits of the ratio rest / part.
    """
    if part.value + rest.value == 0:
        return Estimate.undefined()
    value = part.value / (part.value + rest.value)
    low = 1 / (1 + _ratio_limit(rest, part)) if part.value > 0 else 0.0
    # The other limit is that of the ratio turned over.
    high = 1 - 1 / (1 + _ratio_limit(part, rest)) if rest.value > 0 else 1.0
    return Estimate(value=value, low=min(low, value), high=max(high, value), n=n)


def _ratio_limit(above: Estimate, below: Estimate) -> float:
    """Return the upper limit of above / below, where below > 0."""
    product, low = above.value * below.value, below.low
    if low <= 0:
        return math.inf
    rest = above.high * low * (2 * above.value - above.high) * (2 * below.value - low)
    root = math.sqrt(max(0.0, product * product - rest))
    return (product + root) / (low * (2 * below.value - low))


def _mean_f1(
    parts: list[Estimate],
    counts: Counts,
    shares: np.ndarray,
    of_images: np.ndarray,
    seed: int,
) -> tuple[Estimate, Estimate]:
    """Return the plain and the weighted mean of the classes' F1."""
    truth, answer = counts.truth_and_answer
    clusters, present = counts.clusters, shares > 0
    table = np.concatenate([truth & answer, answer, truth], axis=1) * of_images[:, None]
    sums = resample_sums(table if clusters is None else clusters.sums(table), seed=seed)
    hits, answered, support = np.split(sums, 3, axis=1)
    drawn = Marginals(hits=hits, answered=answered, support=support).f1[:, present]
    units = counts.n if clusters is None else clusters.count
    defined = [one for one, has in zip(parts, present, strict=True) if has]
    estimates = []
    for each in (np.full(present.sum(), 1 / present.sum()), shares[present]):
        together = mean_of(defined, shares=each.tolist(), n=counts.n)
        bootstrap = percentile_estimate(
            together.value, drawn @ each, n=counts.n, units=units, effective_n=units, within=SHARE
        )
        limits = ((one.low, one.high) for one in (together, bootstrap))
        estimates.append(wider(together.value, *limits, n=counts.n))
    return estimates[0], estimates[1]


def _shares_in_use(counts: Counts, prevalence: Mapping[str, float]) -> np.ndarray:
    classes, support = counts.classes, counts.marginals.support
    given = np.array([name in prevalence for name in classes])
    shares = np.array([prevalence.get(name, 0.0) for name in classes], np.float64)
    empty = [name for name in prevalence if support[classes.index(name)] == 0]
    rest = support[~given].sum()
    if empty or (rest == 0 and not given.all()):
        raise DataError(
            f"There is no image of {', '.join(map(printable, empty)) or 'the other classes'}.",
            expected="an image of every class that has a share in use",
            code="no_image_of_class",
        )
    if rest:
        shares[~given] = (1 - shares.sum()) * support[~given] / rest
    return np.asarray(shares / shares.sum())


def _bad_shares(what: str) -> ConfigError:
    return ConfigError(
        what,
        expected="shares above 0 and below 1 that add up to 1 with those of the other classes",
        code="bad_prevalence",
    )

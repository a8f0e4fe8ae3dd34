"""From answers and labels to an `Evaluation`: is the classifier right, how often, on what.

Rates of images (accuracy, top-k, precision and recall of a class) have Wilson's interval, the
F1 of a class one derived from it; averages and losses have a bootstrap over images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sightline.errors import ConfigError
from sightline.evaluation.counts import Counts, Labels
from sightline.evaluation.estimates import Estimate, f1_estimate, wilson
from sightline.evaluation.records import Averages, ClassScores, Evaluation
from sightline.evaluation.resampling import (
    mean_estimate,
    percentile_estimate,
    resample_confusion,
    resample_sums,
)
from sightline.evaluation.scores import Marginals, Rate, ratio
from sightline.predictions import Predictions

_USUAL_TOP = (3, 5)


def evaluate(
    predictions: Predictions,
    labels: Labels,
    *,
    top: Sequence[int] | None = None,
    seed: int = 0,
) -> Evaluation:
    """Judge predictions by the right answers.

    Failed rows are counted in `failed` and left out of every figure. `unsure_below` plays no
    part: every answer is judged.

    Args:
        predictions: Answers for n images.
        labels: The class names of each image, aligned with the predictions.
        top: The k of the top-k accuracies; by default 3 and 5 where there are more classes.
        seed: Of the bootstrap.

    Raises:
        DataError: The labels do not fit the predictions.
        ConfigError: A k of `top` is not from 1 to the number of classes.
    """
    evaluation = summarise(Counts.of(predictions, labels), top=top, seed=seed)
    if predictions.task == "multi_class":
        return evaluation
    return replace(evaluation, thresholds=tuple(map(float, predictions.thresholds)))


def summarise(counts: Counts, *, top: Sequence[int] | None = None, seed: int = 0) -> Evaluation:
    """Return the figures of counts, which may have been added up over a stream.

    Args:
        counts: What was counted.
        top: As for `evaluate`.
        seed: Of the bootstrap.

    Raises:
        ConfigError: A k of `top` is not from 1 to the number of classes.
    """
    if counts.task == "multi_class":
        return _summarise_multi_class(counts, _checked_top(top, len(counts.classes)), seed)
    return _summarise_multi_label(counts, seed)


def _summarise_multi_class(counts: Counts, top: Sequence[int], seed: int) -> Evaluation:
    n, right = counts.n, int(counts.confusion.trace())
    averages = _Averaging.of(counts, resample_confusion(counts.confusion, seed=seed) if n else None)
    return Evaluation(
        task=counts.task,
        classes=counts.classes,
        n=n,
        failed=counts.failed,
        accuracy=wilson(right, n),
        balanced_accuracy=averages.balanced_accuracy(),
        top_k={k: wilson(int(counts.ranks[:k].sum()), n) for k in top},
        per_class=_per_class(counts),
        macro=averages.macro(),
        # Each image has one class and one answer: all three rates are the accuracy.
        micro=Averages(precision=wilson(right, n), recall=wilson(right, n), f1=wilson(right, n)),
        weighted=averages.weighted(),
        confusion=counts.confusion,
        log_loss=mean_estimate(counts.losses, seed=seed),
    )


def _summarise_multi_label(counts: Counts, seed: int) -> Evaluation:
    truth, answer = counts.outcomes >= 2, counts.outcomes % 2 == 1
    wrong = truth != answer
    means = np.stack([wrong.mean(axis=1), _f1_of_images(truth, answer), counts.losses], axis=1)
    resamples, drawn_means = _resample_multi_label(truth, answer, means, seed)
    averages = _Averaging.of(counts, resamples)
    hamming, samples_f1, log_loss = (
        percentile_estimate(float(values.mean()), drawn, n=counts.n, effective_n=effective_n)
        if counts.n
        else Estimate.undefined()
        for values, drawn, effective_n in zip(
            means.T, drawn_means.T, (counts.n, counts.n, None), strict=True
        )
    )
    return Evaluation(
        task=counts.task,
        classes=counts.classes,
        n=counts.n,
        failed=counts.failed,
        accuracy=wilson(int((~wrong.any(axis=1)).sum()), counts.n),
        balanced_accuracy=averages.balanced_accuracy(),
        top_k={},
        per_class=_per_class(counts),
        macro=averages.macro(),
        micro=averages.micro(),
        weighted=averages.weighted(),
        confusion=counts.confusion,
        log_loss=log_loss,
        hamming_loss=hamming,
        samples_f1=samples_f1,
    )


def _f1_of_images(truth: np.ndarray, answer: np.ndarray) -> np.ndarray:
    sizes = truth.sum(axis=1) + answer.sum(axis=1)
    # Nothing right to say and nothing said is a right answer (scikit-learn: zero_division=1).
    return np.where(sizes, ratio(2 * (truth & answer).sum(axis=1), sizes), 1.0)


def _resample_multi_label(
    truth: np.ndarray, answer: np.ndarray, means: np.ndarray, seed: int
) -> tuple[Marginals | None, np.ndarray]:
    """Return the marginals and the means (b, m) of resamples of whole images.

    Labels are never drawn apart: those of one image are not independent of each other.
    """
    if not len(truth):
        return None, means
    table = np.concatenate([truth & answer, answer, truth, means], axis=1)
    width = truth.shape[1]
    drawn = resample_sums(table, seed=seed)
    hits, answered, support = np.split(drawn[:, : 3 * width], 3, axis=1)
    return (
        Marginals(hits=hits, answered=answered, support=support),
        drawn[:, 3 * width :] / len(truth),
    )


@dataclass(frozen=True, kw_only=True)
class _Averaging:
    """Averages of the sample and of its resamples; undefined where there is no image."""

    n: int
    sample: Marginals
    resamples: Marginals | None

    @classmethod
    def of(cls, counts: Counts, resamples: Marginals | None) -> _Averaging:
        return cls(n=counts.n, sample=counts.marginals, resamples=resamples)

    def balanced_accuracy(self) -> Estimate:
        return self._estimate(Marginals.balanced_accuracy, self._macro_n())

    def macro(self) -> Averages:
        return self._averages(Marginals.macro, self._macro_n())

    def micro(self) -> Averages:
        return self._averages(Marginals.micro, self.n)

    def weighted(self) -> Averages:
        return self._averages(Marginals.weighted, self.n)

    def _averages(
        self, average: Callable[[Marginals, Rate], np.ndarray], effective_n: float
    ) -> Averages:
        def one(rate: Rate) -> Estimate:
            return self._estimate(lambda marginals: average(marginals, rate), effective_n)

        return Averages(precision=one("precision"), recall=one("recall"), f1=one("f1"))

    def _estimate(self, average: Callable[[Marginals], np.ndarray], effective_n: float) -> Estimate:
        if self.resamples is None:
            return Estimate.undefined()
        return percentile_estimate(
            float(average(self.sample)),
            average(self.resamples),
            n=self.n,
            effective_n=effective_n,
        )

    def _macro_n(self) -> float:
        """Return the trials that a mean over classes is worth: few if one class is small."""
        support = np.maximum(self.sample.support[self.sample.occurs], 1)
        return float(len(support) ** 2 / np.sum(1 / support)) if len(support) else 1.0


def _per_class(counts: Counts) -> tuple[ClassScores, ...]:
    marginals = counts.marginals
    rows = zip(
        counts.classes,
        marginals.hits.tolist(),
        marginals.answered.tolist(),
        marginals.support.tolist(),
        strict=True,
    )
    return tuple(
        ClassScores(
            name=name,
            precision=wilson(hits, answered),
            recall=wilson(hits, support),
            f1=f1_estimate(hits, answered, support),
            support=support,
            answered=answered,
        )
        for name, hits, answered, support in rows
    )


def _checked_top(top: Sequence[int] | None, classes: int) -> Sequence[int]:
    if top is None:
        return [k for k in _USUAL_TOP if k < classes]
    for k in top:
        if not 1 <= k <= classes:
            raise ConfigError(
                f"Top-{k} accuracy of {classes} classes.",
                expected=f"k from 1 to {classes}",
                code="bad_top",
            )
    return top

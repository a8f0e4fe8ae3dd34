"""From answers and labels to an `Evaluation`: is the classifier right, how often, on what.

Rates of images (accuracy, top-k, precision and recall of a class) have Wilson's interval, the
F1 of a class one derived from it; a mean over classes has theirs put together, and the rest a
bootstrap over images. Where images have groups, whole groups take the place of images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sightline.errors import ConfigError
from sightline.evaluation.averaging import Averaging, Resamples
from sightline.evaluation.clusters import share_estimate
from sightline.evaluation.counts import LOG_LOSS, Counts, Labels, label_matrix
from sightline.evaluation.estimates import Estimate, f1_estimate
from sightline.evaluation.grouping import Groups
from sightline.evaluation.prevalence import at_prevalence
from sightline.evaluation.probabilistic import judge_probabilities
from sightline.evaluation.records import Averages, ClassScores, Confusion, Evaluation
from sightline.evaluation.resampling import SHARE, mean_estimate, percentile_estimate
from sightline.evaluation.scores import ratio
from sightline.predictions import Predictions

_USUAL_TOP = (3, 5)
_MOST_CONFUSIONS = 1000


def evaluate(
    predictions: Predictions,
    labels: Labels,
    *,
    groups: Groups | None = None,
    prevalence: Mapping[str, float] | None = None,
    top: Sequence[int] | None = None,
    seed: int = 0,
) -> Evaluation:
    """Judge predictions by the right answers.

    Failed rows are counted in `failed` and left out of every figure. `unsure_below` plays no
    part: every answer is judged.

    Args:
        predictions: Answers for n images.
        labels: The class names of each image, aligned with the predictions.
        groups: What each image belongs to (a patient, a film), None for an image of its own.
            Images of one group are not independent; every interval then knows it.
        prevalence: The share of some classes, or of all, in use, where it differs from that in
            these images; gives `Evaluation.in_use` (`at_prevalence`) beside the other figures.
        top: The k of the top-k accuracies; by default 3 and 5 where there are more classes.
        seed: Of the bootstrap.

    Raises:
        DataError: The labels or the groups do not fit the predictions.
        ConfigError: A k of `top` is not from 1 to the number of classes, or `prevalence` cannot
            be.
    """
    counts = Counts.of(predictions, labels, groups=groups)
    ok = predictions.ok
    evaluation = replace(
        summarise(counts, top=top, seed=seed),
        probabilistic=judge_probabilities(
            predictions.task,
            predictions.classes,
            label_matrix(predictions, labels)[ok],
            predictions.probabilities[ok],
            clusters=counts.clusters,
            seed=seed,
        ),
        in_use=at_prevalence(counts, prevalence, seed=seed) if prevalence else None,
    )
    if predictions.task == "multi_class":
        return evaluation
    return replace(evaluation, thresholds=tuple(map(float, predictions.thresholds)))


def summarise(counts: Counts, *, top: Sequence[int] | None = None, seed: int = 0) -> Evaluation:
    """Return the figures of counts, which may have been added up over a stream.

    What needs the probabilities themselves is left out (`Evaluation.probabilistic`).

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
    n, clusters = counts.n, counts.clusters
    resamples = Resamples.of_confusion(counts, seed=seed)
    per_class = _per_class(counts, resamples)
    averaging = Averaging(n=n, sample=counts.marginals, resamples=resamples, per_class=per_class)
    everything = np.ones(n, bool)
    truth, answer, before = counts.outcomes.T
    accuracy = share_estimate(truth == answer, everything, clusters)
    return Evaluation(
        task=counts.task,
        classes=counts.classes,
        n=n,
        failed=counts.failed,
        groups=None if clusters is None else clusters.count,
        accuracy=accuracy,
        balanced_accuracy=averaging.balanced_accuracy(),
        matthews=averaging.matthews(),
        kappa=averaging.kappa(),
        top_k={k: share_estimate(before < k, everything, clusters) for k in top},
        per_class=per_class,
        macro=averaging.macro(),
        # Each image has one class and one answer: all three rates are the accuracy.
        micro=Averages(precision=accuracy, recall=accuracy, f1=accuracy),
        weighted=averaging.weighted(),
        confusion=counts.confusion,
        worst_confusions=_confusions(counts),
        log_loss=mean_estimate(counts.losses, within=LOG_LOSS, clusters=clusters, seed=seed),
    )


def _confusions(counts: Counts) -> tuple[Confusion, ...]:
    clusters, (truth, answer, _) = counts.clusters, counts.outcomes.T
    wrong = counts.confusion * ~np.eye(len(counts.classes), dtype=bool)
    order = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_CONFUSIONS]
    found = []
    for row, column in zip(*np.unravel_index(order, wrong.shape), strict=True):
        if not wrong[row, column]:
            break
        own = np.flatnonzero(truth == row)
        among = None if clusters is None else clusters.at(own)
        found.append(
            Confusion(
                truth=counts.classes[row],
                answer=counts.classes[column],
                count=int(wrong[row, column]),
                share=share_estimate(answer[own] == column, np.ones(len(own), bool), among),
            )
        )
    return tuple(found)


def _summarise_multi_label(counts: Counts, seed: int) -> Evaluation:
    clusters = counts.clusters
    truth, answer = counts.truth_and_answer
    wrong = truth != answer
    means = np.stack([wrong.mean(axis=1), _f1_of_images(truth, answer)], axis=1)
    resamples = Resamples.of_images(truth, answer, means, clusters=clusters, seed=seed)
    per_class = _per_class(counts, resamples)
    averaging = Averaging(
        n=counts.n, sample=counts.marginals, resamples=resamples, per_class=per_class
    )
    units = resamples.units
    hamming, samples_f1 = (
        percentile_estimate(
            float(values.mean()), drawn, n=counts.n, units=units, effective_n=units, within=SHARE
        )
        if counts.n
        else Estimate.undefined()
        for values, drawn in zip(means.T, resamples.means.T, strict=True)
    )
    return Evaluation(
        task=counts.task,
        classes=counts.classes,
        n=counts.n,
        failed=counts.failed,
        groups=None if clusters is None else clusters.count,
        accuracy=share_estimate(~wrong.any(axis=1), np.ones(counts.n, bool), clusters),
        balanced_accuracy=averaging.balanced_accuracy(),
        matthews=None,
        kappa=None,
        top_k={},
        per_class=per_class,
        macro=averaging.macro(),
        micro=averaging.micro(),
        weighted=averaging.weighted(),
        confusion=counts.confusion,
        log_loss=mean_estimate(counts.losses, within=LOG_LOSS, clusters=clusters, seed=seed),
        hamming_loss=hamming,
        samples_f1=samples_f1,
    )


def _f1_of_images(truth: np.ndarray, answer: np.ndarray) -> np.ndarray:
    sizes = truth.sum(axis=1) + answer.sum(axis=1)
    # Nothing right to say and nothing said is a right answer (scikit-learn: zero_division=1).
    return np.where(sizes, ratio(2 * (truth & answer).sum(axis=1), sizes), 1.0)


def _per_class(counts: Counts, resamples: Resamples) -> tuple[ClassScores, ...]:
    # Class by class: with a thousand of them, columns that lie apart take most of the time.
    by_class = [np.ascontiguousarray(table.T) for table in counts.truth_and_answer]
    agreements, clusters = resamples.agreements(counts.marginals, n=counts.n), counts.clusters
    return tuple(
        ClassScores(
            name=name,
            precision=share_estimate(truth & answer, answer, clusters),
            recall=share_estimate(truth & answer, truth, clusters),
            f1=f1_estimate(share_estimate(truth & answer, truth | answer, clusters)),
            matthews=matthews,
            kappa=kappa,
            support=int(truth.sum()),
            answered=int(answer.sum()),
        )
        for name, truth, answer, (matthews, kappa) in zip(
            counts.classes, *by_class, agreements, strict=True
        )
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

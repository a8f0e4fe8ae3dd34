"""From what was measured to what a report says: one function for each part of the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from sightline.auditing import Findings, Suspicion
from sightline.dataset import SPLITS, Dataset, Finding, Row
from sightline.evaluation import Estimate, Evaluation, Groups, Labels, Verdict, label_matrix
from sightline.evaluation.abstaining import answered, risk_coverage
from sightline.evaluation.calibration import probabilities_of
from sightline.evaluation.clusters import Clusters, share_estimate
from sightline.evaluation.conformal import prediction_sets as sets_of_classes
from sightline.evaluation.ranking import Curve as RankingCurve
from sightline.evaluation.reliability import ReliabilityBin, calibration_error, reliability
from sightline.evaluation.slices import Slices
from sightline.evaluation.stress import Stressed
from sightline.models.bundle import Bundle
from sightline.models.deciding import set_limit
from sightline.models.rules import Rules
from sightline.predictions import Predictions
from sightline.reporting import facts
from sightline.reporting.rules import silences
from sightline.workflows.audit import Audited
from sightline.workflows.looks import Look

_PROMISED = (0.8, 0.9, 0.95, 0.99)


def requirements(verdicts: Iterable[Verdict]) -> tuple[facts.Requirement, ...]:
    """Return what was demanded, and whether it holds."""
    return tuple(
        facts.Requirement(text=str(one.requirement), passed=one.passed, sentence=str(one))
        for one in verdicts
    )


def roc(evaluation: Evaluation) -> tuple[facts.Curve, ...] | None:
    """Return the ROC curve of each class for which it is defined; None without probabilities."""
    if evaluation.probabilistic is None:
        return None
    classes = evaluation.probabilistic.classes.items()
    return tuple(_curve(name, one.roc, one.roc_auc) for name, one in classes if one.roc is not None)


def precision_recall(evaluation: Evaluation) -> tuple[facts.Curve, ...] | None:
    """Return precision over recall of each class that has images; None without probabilities."""
    if evaluation.probabilistic is None:
        return None
    return tuple(
        _curve(name, one.precision_recall, one.average_precision)
        for name, one in evaluation.probabilistic.classes.items()
        if one.precision_recall is not None
    )


def _curve(name: str, curve: RankingCurve, area: Estimate) -> facts.Curve:
    return facts.Curve(
        name=name, x=tuple(curve.x.tolist()), y=tuple(curve.y.tolist()), n=area.n, area=area
    )


def calibration(
    predictions: Predictions,
    labels: Labels,
    evaluation: Evaluation,
    bundle: Bundle,
    *,
    groups: Groups | None = None,
) -> facts.Calibration | None:
    """Return how far confidence can be believed, before and after the temperature.

    Args:
        predictions: The answers.
        labels: The right ones.
        evaluation: Of both.
        bundle: The model.
        groups: What each image belongs to, as the evaluation had it.
    """
    measured = evaluation.probabilistic
    if measured is None or not measured.reliability:
        return None
    held_out = bundle.held_out()
    if held_out is None or predictions.logits is None:
        name = "as it is: nothing calibrated it"
        alone = _reliability(name, measured.calibration_error, measured.reliability)
        return facts.Calibration(diagrams=(alone,))
    return facts.Calibration(
        diagrams=(
            _uncalibrated(predictions, labels, predictions.logits, groups),
            _reliability("with the temperature", measured.calibration_error, measured.reliability),
        ),
        temperatures=tuple(np.atleast_1d(bundle.temperature()).tolist()),
        fitted_on=f"{len(held_out.logits)} validation",
    )


def _uncalibrated(
    predictions: Predictions,
    labels: Labels,
    logits: np.ndarray,
    groups: Groups | None,
) -> facts.Reliability:
    """Return the reliability of the bare logits, its intervals made like the evaluation's."""
    ok = predictions.ok
    truth = label_matrix(predictions, labels)[ok]
    plain = probabilities_of(logits[ok], 1.0, task=predictions.task)
    if predictions.task == "multi_class":
        confidence = plain.max(axis=1)
        right = truth[np.arange(len(truth)), plain.argmax(axis=1)]
    else:
        confidence, right = plain.ravel(), truth.ravel()
    clusters = Clusters.among(ok, groups, each=len(right) // len(truth))
    return _reliability(
        "without the temperature",
        calibration_error(confidence, right, n=len(truth), clusters=clusters),
        reliability(confidence, right, clusters=clusters),
    )


def _reliability(name: str, error: Estimate, bins: Sequence[ReliabilityBin]) -> facts.Reliability:
    return facts.Reliability(
        name=name,
        ece=error,
        bins=tuple(
            facts.Bin(low=one.low, high=one.high, confidence=one.confidence, accuracy=one.observed)
            for one in bins
        ),
    )


def thresholds(rules: Rules, classes: Sequence[str]) -> facts.Thresholds | None:
    """Return from which probability on classes are given; None for the most probable one."""
    values = rules.threshold(classes)
    said = [
        f"{name}: {rules.promises[key]}"
        for name in classes
        if (key := f"threshold[{name}]") in rules.promises
    ]
    return facts.Thresholds(values=values, promise="; ".join(said)) if values else None


def coverage_curve(
    predictions: Predictions, right: np.ndarray, *, groups: Groups | None = None
) -> facts.Curve | None:
    """Return the share of mistakes among the surest images; None without an answer.

    Args:
        predictions: The answers.
        right: Bool (n,), which of them are.
        groups: What each image belongs to.
    """
    ok = predictions.ok
    clusters = Clusters.among(ok, groups)
    found = risk_coverage(predictions.confidence[ok], right[ok], clusters=clusters)
    if found is None:
        return None
    return facts.Curve(
        name="wrong among the answered",
        x=tuple(found.coverage.tolist()),
        y=tuple(found.risk.tolist()),
        low=tuple(found.low.tolist()),
        high=tuple(found.high.tolist()),
        n=found.n,
    )


def abstaining(
    predictions: Predictions, labels: Labels, bundle: Bundle, *, groups: Groups | None = None
) -> facts.Abstaining | None:
    """Return the rules by which the model does not answer, and what they cost; None without any.

    Args:
        predictions: The answers.
        labels: The right ones.
        bundle: The model.
        groups: What each image belongs to.
    """
    rules = silences(bundle.rules, bundle.classes)
    if not rules:
        return None
    found = answered(predictions, labels, groups=groups)
    if found is None:
        return None
    error = found.error
    right = Estimate(value=1 - error.value, low=1 - error.high, high=1 - error.low, n=error.n)
    return facts.Abstaining(rules=rules, coverage=found.coverage, accuracy=right)


def prediction_sets(
    predictions: Predictions, labels: Labels, bundle: Bundle, *, groups: Groups | None = None
) -> tuple[facts.Sets, ...] | None:
    """Return what sets of classes hold; None for multi-label, and where nothing calibrated.

    Args:
        predictions: The answers.
        labels: The right ones.
        bundle: The model.
        groups: What each image belongs to.
    """
    held_out = bundle.held_out()
    if predictions.task == "multi_label" or held_out is None:
        return None
    ok = predictions.ok
    truth = label_matrix(predictions, labels)[ok]
    clusters, everything, found = Clusters.among(ok, groups), np.ones(len(truth), bool), []
    for promised in _PROMISED:
        limit = set_limit(bundle, promised)
        inside = sets_of_classes(predictions, limit)[ok]
        if len(truth) and limit > 0:  # too few images calibrated to promise this much
            sizes = inside.sum(axis=1)
            found.append(
                facts.Sets(
                    promised=promised,
                    reached=share_estimate(inside[truth], everything, clusters),
                    size=float(sizes.mean()),
                    empty=share_estimate(sizes == 0, everything, clusters),
                )
            )
    return tuple(found)


def slice_rows(found: Slices) -> tuple[facts.SliceRow, ...]:
    """Return the slices that were large enough to judge, the worst first."""
    return tuple(
        facts.SliceRow(
            column=one.attribute,
            value=one.value,
            accuracy=one.accuracy,
            difference=one.difference,
            flagged=one.is_weak,
        )
        for one in found.slices
    )


def stress_curves(stressed: Stressed) -> tuple[facts.Stress, ...]:
    """Return each way to be worse as a curve that begins with the images as they are."""
    return tuple(
        facts.Stress(
            name=one.name,
            levels=tuple(point.level for point in one.points),
            accuracy=(stressed.clean, *(point.accuracy for point in one.points)),
            falls=tuple(point.falls for point in one.points),
            unit=one.unit,
        )
        for one in stressed.curves
    )


def split_counts(splits: Iterable[str | None]) -> dict[str, int]:
    """Return how many images stand in each split that has some, in the order of the work."""
    counts = Counter(split or facts.UNDIVIDED for split in splits)
    return {name: counts[name] for name in (*SPLITS, facts.UNDIVIDED) if counts[name]}


def class_counts(
    classes: Iterable[str], images: Iterable[tuple[Sequence[str], str | None]]
) -> tuple[facts.ClassCount, ...]:
    """Return how many images of each split have each class.

    Args:
        classes: In order.
        images: The labels and the split of each; labels that are no class are passed over.
    """
    known = list(images)
    splits = split_counts(split for _, split in known)
    counts = {name: dict.fromkeys(splits, 0) for name in classes}
    for labels, split in known:
        for label in counts.keys() & set(labels):
            counts[label][split or facts.UNDIVIDED] += 1
    return tuple(facts.ClassCount(name=name, images=images) for name, images in counts.items())


def doubts(audited: Audited, dataset: Dataset) -> tuple[Suspicion, ...] | None:
    """Return the labels that are probably wrong; None where they were not examined."""
    return None if unexamined(audited.findings) else audited.doubtful(dataset)


def unexamined(findings: Findings) -> dict[str, str]:
    """Return why labels were not examined, as `DataFacts.reasons` has it; empty if they were."""
    lacks = [one.reason for one in findings.not_run if one.check == "label_error"]
    return {"doubts": f"{lacks[0]}."} if lacks else {}


def places(
    rows: Iterable[Row], findings: Iterable[Finding], doubts: Iterable[Suspicion]
) -> dict[str, facts.Place]:
    """Return where the images that findings and doubts concern stand, by name.

    Args:
        rows: All images.
        findings: Those that name images.
        doubts: Likewise.
    """
    names = {path for one in findings for path in one.paths} | {one.name for one in doubts}
    return {
        row.name: facts.Place(labels=row.labels, split=row.split or facts.UNDIVIDED)
        for row in rows
        if row.name in names
    }


def looks(found: Iterable[Look]) -> tuple[facts.Look, ...]:
    """Return when the images were judged, and by which command."""
    return tuple(facts.Look(when=one.time, command=f"sightline {one.command}") for one in found)

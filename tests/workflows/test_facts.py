from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.special import expit, softmax
from sklearn.metrics import average_precision_score, roc_auc_score

from sightline.auditing import Findings, NotRun, Suspicion
from sightline.dataset import Dataset, Finding, Row
from sightline.evaluation import Estimate, evaluate, right_answers, verdict, wilson
from sightline.evaluation.requirements import Requirement
from sightline.evaluation.slices import Slice, Slices
from sightline.evaluation.stress import StressCurve, Stressed, StressPoint
from sightline.images import ArraySource
from sightline.models.rules import HeldOut, Rules
from sightline.predictions import Predictions
from sightline.reporting import facts as shown
from sightline.workflows import facts as part
from sightline.workflows.audit import Audited
from sightline.workflows.looks import Look

CLASSES = ("a", "b", "c")
LOGITS = np.float32([[3, 0, 0], [0, 2, 0], [1, 0, 0], [0, 0, 4], [0, 1, 0], [2, 0, 1]])
SINGLE = [("a",), ("b",), ("b",), ("c",), ("c",), ("a",)]
"""The third and the fifth are answered wrong."""
SEVERAL = [("a",), ("b", "c"), (), ("c",), ("b",), ("a", "c")]


class Model:
    """What the functions ask of a bundle."""

    classes = CLASSES

    def __init__(self, *temperature: float, rules: Rules | None = None, held: int = 8) -> None:
        self.rules = rules or Rules()
        self._temperature = np.float32(temperature if len(temperature) > 1 else temperature[0])
        self._held = held

    def temperature(self) -> np.ndarray:
        return self._temperature

    def held_out(self) -> HeldOut | None:
        if not self._held:
            return None
        nothing = np.zeros((self._held, 3), np.float32)
        return HeldOut(logits=nothing, truth=nothing > 0, distances=np.zeros(0, np.float32))


def answers(task: str = "multi_class", temperature: float = 2.0, **changes: Any) -> Predictions:
    shares = softmax(LOGITS / temperature, axis=1)
    if task == "multi_label":
        shares = expit(LOGITS / temperature)
    predictions = Predictions(
        task=task,
        classes=CLASSES,
        names=tuple("uvwxyz"),
        probabilities=shares.astype(np.float32),
        logits=LOGITS,
    )
    return replace(predictions, **changes)


def test_requirements_keep_their_words_and_their_verdict() -> None:
    evaluation = evaluate(answers(), SINGLE)
    verdicts = [
        verdict(Requirement.parse(f"accuracy>={least}"), evaluation) for least in (0.1, 0.9)
    ]
    found = part.requirements(verdicts)
    assert [(one.text, one.passed) for one in found] == [
        (str(verdicts[0].requirement), True),
        (str(verdicts[1].requirement), False),
    ]
    assert found[1].sentence == str(verdicts[1])


@pytest.mark.parametrize("task", ["multi_class", "multi_label"])
def test_curves_have_the_areas_of_another_library(task: str) -> None:
    predictions, labels = answers(task), SINGLE if task == "multi_class" else SEVERAL
    evaluation = evaluate(predictions, labels)
    roc, precision = part.roc(evaluation), part.precision_recall(evaluation)
    assert roc is not None and precision is not None
    assert [one.name for one in roc] == [one.name for one in precision] == list(CLASSES)
    for place, (one, other) in enumerate(zip(roc, precision, strict=True)):
        truth = [CLASSES[place] in names for names in labels]
        own = predictions.probabilities[:, place]
        assert one.area is not None and other.area is not None
        assert one.area.value == pytest.approx(roc_auc_score(truth, own))
        assert np.trapezoid(one.y, one.x) == pytest.approx(roc_auc_score(truth, own))
        assert other.area.value == pytest.approx(average_precision_score(truth, own))
        assert one.n == 6


def test_a_class_without_images_has_no_curve() -> None:
    evaluation = evaluate(answers(), [("a",), ("b",), ("b",), ("a",), ("b",), ("a",)])
    roc, precision = part.roc(evaluation), part.precision_recall(evaluation)
    assert [one.name for one in roc or ()] == [one.name for one in precision or ()] == ["a", "b"]


def test_calibration_before_and_after_the_temperature() -> None:
    predictions = answers()
    found = part.calibration(predictions, SINGLE, evaluate(predictions, SINGLE), Model(2.0))
    assert found is not None
    assert found.temperatures == (2.0,)
    assert found.fitted_on == "8 validation"
    before, after = found.diagrams
    # Six images are one bin: the error is the gap of the means, 4 of 6 being right.
    for diagram, temperature in ((before, 1), (after, 2)):
        confidence = softmax(LOGITS / temperature, axis=1).max(axis=1).mean()
        (one,) = diagram.bins
        assert one.confidence == pytest.approx(confidence, rel=1e-6)
        assert (one.accuracy.value, one.accuracy.n) == (pytest.approx(4 / 6), 6)
        assert diagram.ece.value == pytest.approx(abs(confidence - 4 / 6), rel=1e-6)
    assert (before.name, after.name) == ("without the temperature", "with the temperature")


def test_calibration_of_labels_is_of_decisions() -> None:
    predictions = answers("multi_label")
    model = Model(2.0, 2.0, 2.0)
    found = part.calibration(predictions, SEVERAL, evaluate(predictions, SEVERAL), model)
    assert found is not None
    assert found.temperatures == (2.0, 2.0, 2.0)
    before, after = found.diagrams
    assert sum(one.accuracy.n for one in before.bins) == 18
    shares = [one.accuracy.value * one.accuracy.n for one in before.bins]
    assert sum(shares) == pytest.approx(7), "labels that are there"
    confidence = [one.confidence * one.accuracy.n for one in before.bins]
    assert sum(confidence) == pytest.approx(expit(LOGITS).sum(), rel=1e-6)
    assert before.ece.n == after.ece.n == 6


def test_a_temperature_of_one_changes_nothing_not_even_an_interval() -> None:
    groups = ["p", "p", "q", "q", "r", "r"]
    for task, labels in (("multi_class", SINGLE), ("multi_label", SEVERAL)):
        for given in (None, groups):
            predictions = answers(task, temperature=1.0)
            evaluation = evaluate(predictions, labels, groups=given)
            found = part.calibration(predictions, labels, evaluation, Model(1.0), groups=given)
            assert found is not None
            before, after = found.diagrams
            assert before.ece.value == pytest.approx(after.ece.value, abs=1e-6)
            assert before.ece.low == pytest.approx(after.ece.low, abs=1e-6)
            assert before.ece.high == pytest.approx(after.ece.high, abs=1e-6)
            for one, other in zip(before.bins, after.bins, strict=True):
                assert one.accuracy == other.accuracy


def test_what_nothing_calibrated_has_one_diagram() -> None:
    predictions = answers()
    evaluation = evaluate(predictions, SINGLE)
    for model, given in ((Model(1.0, held=0), predictions), (Model(1.0), answers(logits=None))):
        found = part.calibration(given, SINGLE, evaluation, model)
        assert found is not None
        assert [one.name for one in found.diagrams] == ["as it is: nothing calibrated it"]
        assert found.temperatures == ()


def test_thresholds_in_use() -> None:
    assert part.thresholds(Rules(), CLASSES) is None
    several = Rules(thresholds=(0.5, 0.3, 0.5), promises={"threshold[b]": "recall 0.98"})
    found = part.thresholds(several, CLASSES)
    assert found == shown.Thresholds(
        values={"a": 0.5, "b": 0.3, "c": 0.5}, promise="b: recall 0.98"
    )
    one = part.thresholds(Rules(positive=("b", 0.2)), ("a", "b"))
    assert one == shown.Thresholds(values={"b": 0.2})


def test_mistakes_by_coverage() -> None:
    predictions = answers()
    found = part.coverage_curve(predictions, right_answers(predictions, SINGLE))
    assert found is not None
    # From the surest on: right, right, right, right; then two of one confidence, both wrong, are
    # answered together or not at all.
    assert found.x == pytest.approx((1 / 6, 2 / 6, 3 / 6, 4 / 6, 1))
    assert found.y == pytest.approx((0, 0, 0, 0, 2 / 6))
    assert (found.low[-1], found.high[-1]) == pytest.approx((wilson(2, 6).low, wilson(2, 6).high))
    assert found.n == 6
    assert part.coverage_curve(predictions[:0], np.zeros(0, bool)) is None


def test_the_rules_and_what_they_cost() -> None:
    assert part.abstaining(answers(), SINGLE, Model(1.0)) is None
    rules = Rules(unsure_below=(0.5,), promises={"unsure_below": "at most 0.1 are wrong"})
    predictions = answers(unsure_below=0.5)
    found = part.abstaining(predictions, SINGLE, Model(1.0, rules=rules))
    assert found is not None
    assert found.rules == {"unsure": "below a confidence of 0.5: at most 0.1 are wrong"}
    # exp(x / 2) over the sum: 0.69, 0.58, 0.45, 0.79, 0.45, 0.51; the two below are the wrong ones.
    assert (found.coverage.value, found.coverage.n) == (pytest.approx(4 / 6), 6)
    assert (found.accuracy.value, found.accuracy.n) == (1.0, 4)


def test_the_rules_of_labels_are_about_decisions() -> None:
    rules = Rules(thresholds=(0.5,) * 3, unsure_below=(0.6, 0.6, 0.7), unlike_above=9.0)
    limits = dict(zip(CLASSES, rules.unsure_below, strict=True))
    predictions = answers("multi_label", unsure_below=limits)
    found = part.abstaining(predictions, SEVERAL, Model(1.0, rules=rules))
    assert found is not None
    assert found.rules == {
        "unsure": "below a confidence of 0.6 (a), 0.6 (b), 0.7 (c)",
        "unlike the training data": "beyond a distance of 9",
    }
    # A decision is as sure as the likelier of its two sides: logits of 1, 2, 3, 4 over 2 give
    # 0.62, 0.73, 0.82, 0.88. Of the seven that are not 0, only c of the last is below its limit.
    assert found.coverage.value == pytest.approx(6 / 18)
    assert found.coverage.n == 18


class Calibrated(Model):
    """Calibrated by five copies of each image."""

    architecture = SimpleNamespace(task="multi_class")

    def held_out(self) -> HeldOut:
        return HeldOut(
            logits=np.repeat(LOGITS, 5, axis=0),
            truth=np.repeat(np.array([[n in own for n in CLASSES] for own in SINGLE]), 5, 0),
            distances=np.zeros(0, np.float32),
        )


def test_what_a_report_says_of_copies_of_an_image_is_no_surer_than_of_one() -> None:
    once, names = answers(unsure_below=0.5), tuple(map(str, range(60)))
    ten = replace(
        once,
        names=names,
        probabilities=once.probabilities.repeat(10, axis=0),
        logits=LOGITS.repeat(10, axis=0),
    )
    labels = [one for one in SINGLE for _ in range(10)]
    groups = [row // 10 for row in range(60)]
    model = Calibrated(2.0, rules=Rules(unsure_below=(0.5,)))

    def widths(given: Predictions, said: list[tuple[str, ...]], groups: Any) -> list[float]:
        curve = part.coverage_curve(given, right_answers(given, said), groups=groups)
        rules = part.abstaining(given, said, model, groups=groups)
        sets = part.prediction_sets(given, said, model, groups=groups)
        assert curve is not None and rules is not None and sets
        figures = [rules.coverage, rules.accuracy, sets[0].reached, sets[0].empty]
        return [curve.high[-1] - curve.low[-1], *(one.high - one.low for one in figures)]

    alone, copied = widths(once, SINGLE, None), widths(ten, labels, groups)
    believed = widths(ten, labels, None)
    assert all(copied[i] >= alone[i] > 1.5 * believed[i] for i in range(len(alone)))


def test_sets_hold_the_right_class_as_often_as_they_do() -> None:
    model = Calibrated(2.0)
    found = part.prediction_sets(answers(), SINGLE, model)
    assert found is not None
    assert [one.promised for one in found] == [0.8, 0.9, 0.95]  # 30 images cannot promise 0.99
    # Of five copies of six images the third and the fifth are wrong: their right classes have
    # the two lowest probabilities, e to the 0 over the sum. The limit for 0.8 is the lowest but
    # one group: all but one of the six stay inside.
    shares = answers().probabilities
    own = np.sort([shares[row, CLASSES.index(name)] for row, (name,) in enumerate(SINGLE)])
    assert found[0].reached.value == np.mean(own >= own[1])
    assert found[2].reached.value == 1
    assert found[0].size == (shares >= own[1]).sum(axis=1).mean()
    assert found[0].empty.value == 0
    assert part.prediction_sets(answers("multi_label"), SEVERAL, model) is None
    assert part.prediction_sets(answers(), SINGLE, Model(2.0, held=0)) is None


def test_slices_are_marked_where_they_are_weak() -> None:
    def row(value: str, difference: float, adjusted: float) -> Slice:
        gap = Estimate(value=difference, low=difference - 0.1, high=difference + 0.1, n=50)
        return Slice(
            attribute="camera",
            value=value,
            n=20,
            accuracy=wilson(10, 20),
            rest=wilson(20, 30),
            difference=gap,
            p_value=adjusted / 3,
            adjusted=adjusted,
        )

    rows = (row("A", -0.3, 0.01), row("B", 0.3, 0.01), row("C", -0.1, 0.6))
    found = part.slice_rows(Slices(slices=rows, small={}, smallest=10))
    assert [(one.value, one.flagged) for one in found] == [("A", True), ("B", False), ("C", False)]
    assert found[0].column == "camera"
    assert found[0].accuracy == wilson(10, 20)
    assert found[0].difference == rows[0].difference


def test_stress_begins_with_the_images_as_they_are() -> None:
    def point(level: float, right: int, adjusted: float) -> StressPoint:
        change = Estimate(value=right / 10 - 0.9, low=-1, high=1, n=10)
        return StressPoint(
            level=level, accuracy=wilson(right, 10), change=change, p_value=0.01, adjusted=adjusted
        )

    curve = StressCurve(name="jpeg", unit="quality", points=(point(50, 9, 1), point(5, 2, 0.01)))
    (found,) = part.stress_curves(Stressed(clean=wilson(9, 10), failed=0, curves=(curve,)))
    assert (found.name, found.unit, found.levels) == ("jpeg", "quality", (50, 5))
    assert found.accuracy == (wilson(9, 10), wilson(9, 10), wilson(2, 10))
    assert found.falls == (False, True)


def test_images_are_counted_by_split_and_class() -> None:
    images = [(("a", "b"), "test"), (("a",), "train"), ((), None), (("gone",), "train")]
    splits = part.split_counts(split for _, split in images)
    assert list(splits.items()) == [("train", 2), ("test", 1), ("undivided", 1)]
    counts = part.class_counts(("a", "b", "c"), images)
    nothing = {"train": 0, "test": 0, "undivided": 0}
    assert [one.name for one in counts] == ["a", "b", "c"]
    assert counts[0].images == {**nothing, "train": 1, "test": 1}
    assert counts[1].images == {**nothing, "test": 1}
    assert counts[2].images == nothing


def rows(*names: str) -> tuple[Row, ...]:
    pixels = np.asarray(Image.new("L", (4, 4)))
    return tuple(Row(source=ArraySource(pixels, name), labels=("a",)) for name in names)


def suspicion(name: str) -> Suspicion:
    return Suspicion(
        name=name,
        given="a",
        suggested="b",
        wrong=0.9,
        given_probability=0.1,
        suggested_probability=0.8,
    )


def test_images_that_are_named_have_their_place() -> None:
    every = (rows("1")[0].with_split("test"), *rows("2", "3", "4"))
    finding = Finding(check="leak", severity="error", message="x", paths=("1", "absent"))
    assert part.places(every, [finding], [suspicion("3")]) == {
        "1": shown.Place(labels=("a",), split="test"),
        "3": shown.Place(labels=("a",), split="undivided"),
    }


def test_labels_that_were_not_examined_are_not_called_right() -> None:
    dataset = Dataset(rows=rows("1", "2"), classes=("a",))
    skipped = NotRun(check="label_error", reason="needs one label for each image")
    audited = Audited(findings=Findings(not_run=(skipped,)), contents=())
    assert part.doubts(audited, dataset) is None
    assert part.unexamined(audited.findings) == {"doubts": "needs one label for each image."}
    assert part.doubts(replace(audited, findings=Findings()), dataset) == ()
    assert part.unexamined(Findings()) == {}


def test_looks_name_the_command() -> None:
    look = Look(
        time="2026-11-20T09:00:00+00:00",
        command="evaluate",
        part="test",
        model="",
        images="",
        n=3,
        accuracy=0.5,
        version="1",
    )
    assert part.looks([look]) == (
        shown.Look(when="2026-11-20T09:00:00+00:00", command="sightline evaluate"),
    )

"""Groups are a law of the whole package: no interval may forget that images hang together."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sightline.evaluation
from sightline.errors import DataError
from sightline.evaluation import (
    Comparison,
    Estimate,
    calibration_gain,
    compare,
    evaluate,
    right_answers,
)
from sightline.evaluation.abstaining import Answered, RiskCoverage, answered, risk_coverage
from sightline.evaluation.calibration import CalibrationGain
from sightline.evaluation.clusters import Clusters
from sightline.evaluation.grouping import check_groups, numbered
from sightline.evaluation.stress import Stressed, Worse, judge_stress
from sightline.predictions import Predictions

WITHOUT_INTERVALS = {"label_matrix", "mistakes", "right_answers"}
"""What takes labels and gives no figure."""

WITHOUT_GROUPS = {"deciding: risk_coverage"}
"""Calls that need not: the images that choose a model's rules are one of each group."""

FIGURES = ("sightline.evaluation.", "sightline.workflows.facts")
"""Where figures are made."""

GROUPS, SIZE = 20, 10


def test_none_is_a_group_of_its_own() -> None:
    assert numbered(["b", None, "a", "b", None]).tolist() == [0, 1, 2, 0, 3]
    check_groups(["a", None], 2)
    with pytest.raises(DataError, match="2 groups for 3 images"):
        check_groups(["a", None], 3)


def test_answers_hang_together_by_group_else_by_image() -> None:
    kept = np.array([True, False, True, True])
    assert Clusters.among(kept, None) is None
    assert Clusters.among(kept, ["p", "p", None, "q"]) is None
    for groups, wanted in (
        (None, [0, 0, 1, 1, 2, 2]),
        ([None] * 4, [0, 0, 1, 1, 2, 2]),
        (["p", "q", None, "p"], [0, 0, 1, 1, 0, 0]),
    ):
        clusters = Clusters.among(kept, groups, each=2)
        assert clusters is not None
        assert clusters.of.tolist() == wanted
    with pytest.raises(DataError, match="1 groups for 4 images"):
        Clusters.among(kept, ["p"])


def test_whatever_judges_answers_can_be_told_the_groups() -> None:
    judging = {
        name: inspect.signature(function).parameters
        for module in pkgutil.iter_modules(sightline.evaluation.__path__)
        for name, function in inspect.getmembers(
            importlib.import_module(f"sightline.evaluation.{module.name}"), inspect.isfunction
        )
        if not name.startswith("_") and "labels" in inspect.signature(function).parameters
    }
    assert {"evaluate", "compare", "judge_stress", "answered", "calibration_gain"} <= set(judging)
    deaf = {name for name, parameters in judging.items() if "groups" not in parameters}
    assert deaf == WITHOUT_INTERVALS


def asked(function: Any) -> set[str]:
    """Return by which names a function can be told what hangs together."""
    if not inspect.isfunction(function):
        return set()
    parameters = inspect.signature(function).parameters.values()
    named = {one.name for one in parameters if one.kind is one.KEYWORD_ONLY}
    return named & {"groups", "clusters"}


def deaf_calls(path: Path) -> Iterator[str]:
    """Yield the calls in a file of what can be told the groups and is not."""
    tree = ast.parse(path.read_text())
    known: dict[str, Any] = {}
    for node in ast.walk(tree):
        for one in node.names if isinstance(node, ast.ImportFrom) else ():
            name = f"{node.module}.{one.name}"
            if name.startswith(FIGURES):
                known[one.asname or one.name] = pkgutil.resolve_name(name)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called: Any = None
        if isinstance(node.func, ast.Name):
            called = known.get(node.func.id)
        elif isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            called = getattr(known.get(node.func.value.id), node.func.attr, None)
        if asked(called).isdisjoint(one.arg for one in node.keywords) and asked(called):
            yield f"{path.stem}: {called.__name__}"


def test_whoever_asks_for_figures_tells_the_groups() -> None:
    source = Path(sightline.evaluation.__path__[0]).parent
    deaf = {call for path in source.rglob("*.py") for call in deaf_calls(path)}
    assert deaf == WITHOUT_GROUPS


def sample(task: str, copies: int, seed: int = 1) -> Predictions:
    """Return answers to `GROUPS` images, each so many times."""
    logits = np.random.default_rng(seed).normal(0, 2, (GROUPS, 3)).astype(np.float32)
    logits[:, 0] += 1
    logits = logits.repeat(copies, axis=0)
    odds = np.exp(logits / 1.5)
    shares = odds / odds.sum(axis=1, keepdims=True) if task == "multi_class" else odds / (1 + odds)
    return Predictions(
        task=task,
        classes=("a", "b", "c"),
        names=tuple(map(str, range(len(logits)))),
        probabilities=shares.astype(np.float32),
        logits=logits,
        unsure_below=0.6 if task == "multi_class" else dict.fromkeys("abc", 0.6),
    )


def labels_of(task: str, copies: int) -> list[tuple[str, ...]]:
    names = [("a",), ("b",), ("a",), ("c",)] if task == "multi_class" else [("a", "b"), ("c",), ()]
    return [names[row % len(names)] for row in range(GROUPS) for _ in range(copies)]


Judged = tuple[Comparison, Stressed, Answered, CalibrationGain, RiskCoverage]


def judge(task: str, copies: int, groups: list[int] | None) -> Judged:
    before, after = (sample(task, copies, seed) for seed in (1, 2))
    labels = labels_of(task, copies)
    worse = Worse(name="blur", unit="x", levels=(1.0,), answers=(after,))
    clusters = Clusters.among(before.ok, groups)
    found = (
        compare(before, after, labels, groups=groups),
        judge_stress(before, [worse], labels, groups=groups),
        answered(before, labels, groups=groups),
        calibration_gain(before, labels, groups=groups),
        risk_coverage(before.confidence, right_answers(before, labels), clusters=clusters),
    )
    assert found[2] is not None and found[3] is not None and found[4] is not None
    return found


def figures(found: Any, path: str = "") -> Iterator[tuple[str, Estimate]]:
    """Yield every figure of a result, however deep, so that a new one cannot be passed over."""
    if isinstance(found, Estimate):
        yield path, found
    elif isinstance(found, RiskCoverage):
        columns = (found.risk, found.low, found.high)
        for place, (value, low, high) in enumerate(zip(*columns, strict=True)):
            yield f"{path}[{place}]", Estimate(value=value, low=low, high=high, n=found.n)
    elif is_dataclass(found):
        for one in fields(found):
            yield from figures(getattr(found, one.name), f"{path}.{one.name}")
    elif isinstance(found, tuple | list):
        for place, one in enumerate(found):
            yield from figures(one, f"{path}[{place}]")
    elif isinstance(found, Mapping):
        for name, one in found.items():
            yield from figures(one, f"{path}[{name}]")


# Decisions of one image that offset each other count as independent: once, but not in ten copies.
@pytest.mark.parametrize(("task", "least"), [("multi_class", 0.97), ("multi_label", 0.9)])
def test_copies_in_a_group_are_worth_no_more_than_one(task: str, least: float) -> None:
    groups = np.arange(GROUPS).repeat(SIZE).tolist()
    once = dict(figures(judge(task, 1, None)))
    grouped = dict(figures(judge(task, SIZE, groups)))
    believed = dict(figures(judge(task, SIZE, None)))
    assert set(once) == set(grouped) == set(believed)
    assert len(once) > 20
    for path, one in once.items():
        if not one.defined:
            continue
        width, alone, wanted = (
            found.high - found.low for found in (grouped[path], believed[path], one)
        )
        assert grouped[path].value == pytest.approx(one.value), path
        # What the design effect of ten says, as Wilson's interval or a bootstrap shows it.
        assert width >= least * wanted, path
        assert width >= alone, path


def test_a_confusion_knows_the_groups() -> None:
    groups = np.arange(GROUPS).repeat(SIZE).tolist()
    answers, labels = sample("multi_class", SIZE), labels_of("multi_class", SIZE)
    once = evaluate(sample("multi_class", 1), labels_of("multi_class", 1)).worst_confusions
    grouped = evaluate(answers, labels, groups=groups).worst_confusions
    believed = evaluate(answers, labels).worst_confusions
    assert len(once) == len(grouped) == len(believed) > 2
    for one, known, unknown in zip(once, grouped, believed, strict=True):
        assert (one.truth, one.answer) == (known.truth, known.answer)
        assert known.share.value == unknown.share.value == pytest.approx(one.share.value)
        width, alone = known.share.high - known.share.low, unknown.share.high - unknown.share.low
        assert width >= 0.97 * (one.share.high - one.share.low) and width > alone


def failing(answers: Predictions, rows: list[int]) -> Predictions:
    probabilities, logits = answers.probabilities.copy(), np.array(answers.logits)
    probabilities[rows] = logits[rows] = np.nan
    errors = dict.fromkeys(rows, "no image")
    return replace(answers, probabilities=probabilities, logits=logits, errors=errors)


@pytest.mark.parametrize("failed", [[], [3, 40, 41, 199]])
@pytest.mark.parametrize("task", ["multi_class", "multi_label"])
def test_all_agree_on_the_accuracy_and_on_the_log_loss(task: str, failed: list[int]) -> None:
    groups = [None if row % 7 == 0 else row // SIZE for row in range(GROUPS * SIZE)]
    answers, labels = failing(sample(task, SIZE), failed), labels_of(task, SIZE)
    for given in (None, groups):
        wanted = evaluate(answers, labels, groups=given)
        comparison = compare(answers, answers, labels, groups=given)
        assert comparison.before == comparison.after == wanted.accuracy
        assert comparison.groups == wanted.groups
        for found, scores in zip(comparison.per_class, wanted.per_class, strict=True):
            assert found.before == found.after == scores.recall
        if not failed:  # `stress` leaves out beforehand what cannot be read
            assert judge_stress(answers, [], labels, groups=given).clean == wanted.accuracy
        gain = calibration_gain(answers, labels, groups=given)
        assert gain is not None
        for side in ("value", "low", "high"):
            loss = getattr(gain.log_loss_after, side)
            assert loss == pytest.approx(getattr(wanted.log_loss, side), rel=1e-5)
        right, kept = right_answers(answers, labels), answers.ok
        curve = risk_coverage(
            answers.confidence[kept], right[kept], clusters=Clusters.among(kept, given)
        )
        assert curve is not None
        low, high = 1 - wanted.accuracy.high, 1 - wanted.accuracy.low
        assert (curve.low[-1], curve.high[-1]) == pytest.approx((low, high))

"""The end of `train`: rules, figures, the bundle, its report, the first look at the test part."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from sightline.errors import CheckFailedError
from sightline.evaluation import Evaluation, calibration_gain, evaluate, verdict
from sightline.files import write_json
from sightline.inference import LiteRTRunner, predict
from sightline.models.bundle import write_bundle
from sightline.models.deciding import Wish, decide
from sightline.predictions import Predictions
from sightline.reporting import save_curves
from sightline.training.assemble import Made
from sightline.training.history import write_history_csv, write_tensorboard
from sightline.training.parts import heeding
from sightline.training.session import Learnable, Session, calibration_json, metrics_of
from sightline.training.trainer import Trained
from sightline.workflows.evaluate import Judged, Selection
from sightline.workflows.looks import record_look
from sightline.workflows.report import Subject, model_facts, write_report
from sightline.workflows.training import REPORT, Plan, Prepared, TrainResult


def finish(
    plan: Plan, data: Prepared, results: tuple[Trained, Made], session: Session
) -> TrainResult:
    """Measure on the held-out images through the twin, as they will be predicted, and save.

    Args:
        plan: What was decided.
        data: The images.
        results: The model, and its bundle with the proof of its twin.
        session: Who is told.
    """
    trained, made = results
    made, refused = _wished(made, plan.request.wish)
    validation, _, _ = _measure(made.runner, data.learnable, "validation", session)
    test, predictions, labels = _measure(made.runner, data.learnable, "test", session)
    calibration = calibration_gain(predictions, labels)
    verdicts = tuple(verdict(one, test) for one in plan.request.requirements)
    measured = {
        "test": test.to_json(),
        "validation": validation.to_json(),
        "calibration": calibration_json(made, calibration),
        "requirements": [one.to_json() for one in verdicts],
    }
    metrics = metrics_of(trained, made, measured)
    # The bundle last: until it stands, what was trained can be resumed.
    _write_logs(plan.directory, trained)
    bundle = replace(made.bundle, metrics=metrics)
    write_bundle(plan.path, bundle)
    judged = _judged(data.learnable, test, predictions, labels)
    looks = record_look(
        plan.path,
        bundle,
        command="train",
        part="test",
        images=judged.selection.digests,
        accuracy=test.accuracy.value,
    )
    subject = Subject(
        bundle=bundle,
        model=plan.path,
        data=plan.request.data,
        rows=data.learnable.dataset.rows,
        findings=data.findings,
        verdicts=verdicts,
        looks=looks.model if looks else None,
    )
    write_report(model_facts(judged, subject), plan.directory / REPORT, rows=subject.rows)
    return TrainResult(
        path=plan.path,
        directory=plan.directory,
        recipe=plan.recipe,
        classes=made.bundle.classes,
        counts=data.learnable.dataset.split_counts,
        findings=data.findings,
        validation=validation,
        test=test,
        predictions=predictions,
        labels=labels,
        verification=made.verification,
        calibrated=made.bundle.held_out() is not None,
        calibration=calibration,
        rules=made.bundle.rules,
        refused=refused,
        history=trained.history,
        looks=looks,
        seconds=0.0,
        verdicts=verdicts,
    )


def _wished(made: Made, wish: Wish) -> tuple[Made, CheckFailedError | None]:
    """Return the model with the rules that were wished for, or why it has none."""
    try:
        bundle = decide(made.bundle, wish)
    except CheckFailedError as error:
        return made, error
    return replace(made, bundle=bundle, runner=LiteRTRunner(bundle)), None


def _measure(
    runner: LiteRTRunner, data: Learnable, split: str, session: Session
) -> tuple[Evaluation, Predictions, tuple[tuple[str, ...], ...]]:
    dataset, _ = data.part(split)
    sources = [row.source for row in dataset.rows]
    with session.watcher.stage(f"measuring on {split} images") as progress:
        predictions = predict(runner, sources, progress=heeding(session.stop, progress))
    labels = tuple(row.labels for row in dataset.rows)
    groups = tuple(row.group for row in dataset.rows)
    return evaluate(predictions, labels, groups=groups), predictions, labels


def _judged(
    data: Learnable,
    test: Evaluation,
    predictions: Predictions,
    labels: tuple[tuple[str, ...], ...],
) -> Judged:
    counts = data.dataset.split_counts
    part, contents = data.part("test")
    selection = Selection(
        on="test",
        rows=part.rows,
        seen=counts["train"],
        new=0,
        other=counts["validation"],
        missing=(),
        relabelled=(),
        contents=contents,
    )
    return Judged(evaluation=test, selection=selection, predictions=predictions, labels=labels)


def _write_logs(directory: Path, trained: Trained) -> None:
    logs = directory / "tensorboard"
    # TensorBoard would draw what an earlier run left there as part of this one.
    shutil.rmtree(logs, ignore_errors=True)
    if trained.head is not None:
        write_json(directory / "head.json", trained.head.to_json())
    if trained.history:
        write_history_csv(directory / "history.csv", trained.history)
        write_tensorboard(logs, trained.history)
        save_curves(trained.history, directory / "curves.png")

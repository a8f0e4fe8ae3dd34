"""The end of `train`: rules, figures, the first look at the test part, the bundle, its report."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import replace
from pathlib import Path

from sightline.errors import CheckFailedError, SightlineError
from sightline.evaluation import Verdict, calibration_gain, evaluate, verdict
from sightline.files import printable, write_error, write_json
from sightline.inference import LiteRTRunner, predict
from sightline.models.bundle import Bundle, write_bundle
from sightline.models.deciding import fulfil
from sightline.models.wishes import Wish
from sightline.reporting import save_curves
from sightline.training.assemble import Made
from sightline.training.history import write_history_csv, write_tensorboard
from sightline.training.learnable import Learnable
from sightline.training.parts import heeding
from sightline.training.session import Session, calibration_json, metrics_of
from sightline.training.trainer import Trained
from sightline.workflows.evaluate import Judged, Selection
from sightline.workflows.looks import Looks, record_look
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
    validation = judge_part(made.runner, data.learnable, "validation", session)
    test = judge_part(made.runner, data.learnable, "test", session)
    calibration = calibration_gain(test.predictions, test.labels, groups=test.selection.groups)
    verdicts = tuple(verdict(one, test.evaluation) for one in plan.request.requirements)
    measured = {
        "test": test.evaluation.to_json(),
        "validation": validation.evaluation.to_json(),
        "calibration": calibration_json(made, calibration),
        "requirements": [one.to_json() for one in verdicts],
    }
    bundle = replace(made.bundle, metrics=metrics_of(trained, made, measured))
    _write_logs(plan.directory, trained)
    looks, report, notices = _save(plan, data, bundle, (test, verdicts))
    return TrainResult(
        path=plan.path,
        directory=plan.directory,
        recipe=plan.recipe,
        classes=bundle.classes,
        counts=data.learnable.dataset.split_counts,
        findings=data.findings,
        validation=validation.evaluation,
        test=test.evaluation,
        predictions=test.predictions,
        labels=test.labels,
        verification=made.verification,
        calibrated=bundle.held_out() is not None,
        calibration=calibration,
        rules=bundle.rules,
        refused=refused,
        history=trained.history,
        looks=looks,
        report=report,
        notices=notices,
        seconds=0.0,
        verdicts=verdicts,
    )


def _save(
    plan: Plan, data: Prepared, bundle: Bundle, judged: tuple[Judged, tuple[Verdict, ...]]
) -> tuple[Looks | None, Path | None, tuple[str, ...]]:
    """Count the look, write the bundle and then its page; return what `TrainResult` says of them.

    The look comes before the figures that it brought: no kill leaves these without it. The bundle
    comes after all else that may fail: until it stands, what was trained can be resumed.
    """
    test, verdicts = judged
    looks = record_look(
        plan.path,
        bundle,
        command="train",
        part="test",
        images=test.selection.digests,
        accuracy=test.evaluation.accuracy.value,
    )
    write_bundle(plan.path, bundle)
    subject = Subject(
        bundle=bundle,
        model=plan.path,
        data=plan.request.data,
        rows=data.learnable.dataset.rows,
        findings=data.findings,
        verdicts=verdicts,
        looks=looks.model if looks else None,
    )
    return looks, *_report(test, subject, plan.directory / REPORT)


def _report(test: Judged, subject: Subject, path: Path) -> tuple[Path | None, tuple[str, ...]]:
    """Write the page on the run; return where it is, or what to tell since it could not be.

    The model stands already and its figures are right, so nothing here ends the run.
    """
    try:
        # What an earlier run left there would be taken for the page on this one.
        path.unlink(missing_ok=True)
        write_report(model_facts(test, subject), path, rows=subject.rows)
    except (SightlineError, OSError) as error:
        told = write_error(path, error) if isinstance(error, OSError) else error
        again = shlex.join(["sightline", "report", str(subject.model), str(subject.data)])
        why = f"{told.what} The model is saved; for a page on it: {again}"
        return None, (printable(f"No report was written. {why}"),)
    return path, ()


def _wished(made: Made, wish: Wish) -> tuple[Made, CheckFailedError | None]:
    """Return the model with the rules that were wished for, and why it lacks one of them."""
    bundle, refused = fulfil(made.bundle, wish)
    return replace(made, bundle=bundle, runner=LiteRTRunner(bundle)), refused


def judge_part(runner: LiteRTRunner, data: Learnable, split: str, session: Session) -> Judged:
    """Return what a model says of one split, and how right it is.

    Args:
        runner: The model as it will be used.
        data: The images.
        split: Which of them.
        session: Who is told.
    """
    part, contents = data.part(split)
    sources = [row.source for row in part.rows]
    with session.watcher.stage(f"measuring on {split} images") as progress:
        predictions = predict(runner, sources, progress=heeding(session.stop, progress))
    labels = tuple(row.labels for row in part.rows)
    counts = data.dataset.split_counts
    selection = Selection(
        on=split,
        rows=part.rows,
        seen=counts["train"],
        new=0,
        other=sum(count for name, count in counts.items() if name not in (split, "train")),
        missing=(),
        relabelled=(),
        contents=contents,
    )
    return Judged(
        evaluation=evaluate(predictions, labels, groups=selection.groups),
        selection=selection,
        predictions=predictions,
        labels=labels,
    )


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

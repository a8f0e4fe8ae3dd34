"""`train`: images in folders become a bundle: audited, split, trained, proven, measured, saved.

The one place that knows all the parts of the main job, in the order in which they happen.
"""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sightline.auditing import audit, gate
from sightline.auditing.gate import check_words
from sightline.batches import ArrayCache, class_weights
from sightline.dataset import SPLITS, Dataset, Finding, RecordRow
from sightline.errors import ConfigError
from sightline.evaluation import Evaluation, evaluate
from sightline.files import (
    cache_directory,
    free_path,
    lock,
    printable,
    write_error,
    write_json,
)
from sightline.inference import LiteRTRunner, predict
from sightline.models.bundle import SUFFIX, read_bundle, write_bundle
from sightline.predictions import Predictions
from sightline.reporting import save_curves
from sightline.training.assemble import Made
from sightline.training.checkpoint import has_checkpoint
from sightline.training.history import write_history_csv, write_tensorboard
from sightline.training.loop import Watcher
from sightline.training.origin import continue_options, keep_splits, refuse_seen
from sightline.training.parts import heeding
from sightline.training.recipe import Options, Recipe, resolve
from sightline.training.session import Learnable, Session, metrics_of, train_bundle
from sightline.training.signals import StopRequest
from sightline.training.trainer import Trained, Workplace
from sightline.verification import Verification
from sightline.workflows.evaluate import Judged, Selection
from sightline.workflows.report import Subject, model_facts, write_report


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of `train`.

    Attributes:
        data: A folder, a manifest or an `.npz`.
        options: The recipe as far as the user decides it.
        save: Where the bundle goes; `./NAME.sightline` by default.
        overwrite: Replace what stands there, and forget an unfinished run.
        resume: Go on with an unfinished run.
        origin: One's own bundle to continue from.
        allow: Checks to go on in spite of.
        without: Checks whose flagged images are left out.
        shares: Of train, validation and test, where the data has no splits.
        cache_bytes: What pixels and features may take on the disk.
    """

    data: Path
    options: Options
    save: Path | None = None
    overwrite: bool = False
    resume: bool = False
    origin: Path | None = None
    allow: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    shares: tuple[float, float, float] = (0.7, 0.15, 0.15)
    cache_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """What came out.

    Attributes:
        path: The bundle.
        directory: History, curves and logs.
        recipe: What was done.
        classes: In the order of the outputs.
        counts: Images in each split.
        findings: What the audit found.
        validation: Figures on the images that chose.
        test: Figures on the images that nothing was chosen on.
        predictions: The answers on the test images.
        labels: Their right answers.
        verification: The twin against the Keras model.
        history: One row for each epoch.
        seconds: Wall time of it all.
    """

    path: Path
    directory: Path
    recipe: Recipe
    classes: tuple[str, ...]
    counts: Mapping[str, int]
    findings: tuple[Finding, ...]
    validation: Evaluation
    test: Evaluation
    predictions: Predictions
    labels: tuple[tuple[str, ...], ...]
    verification: Verification
    history: tuple[Mapping[str, float], ...]
    seconds: float

    @property
    def report(self) -> Path:
        """The page on this run."""
        return _report(self.directory)

    @property
    def next_command(self) -> str:
        """What to run next."""
        return f"sightline predict {shlex.quote(str(self.path))} PHOTOS"

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON (`reporting/schemas/train.json`)."""
        weakest = self.test.weakest_class
        return {
            "schema": "train",
            "schema_version": "1.0",
            "bundle": printable(self.path),
            "directory": printable(self.directory),
            "task": self.test.task,
            "classes": list(self.classes),
            "counts": dict(self.counts),
            "findings": [finding.to_json() for finding in self.findings],
            "accuracy": self.test.accuracy.to_json(),
            "validation_accuracy": self.validation.accuracy.to_json(),
            "weakest_class": weakest and {"name": weakest.name, "f1": weakest.f1.to_json()},
            "recipe": self.recipe.to_json(),
            "epochs": len(self.history),
            "verification": self.verification.to_json(),
            "seconds": self.seconds,
            "next_command": self.next_command,
        }


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What was decided before an image is read.

    Attributes:
        request: With what the origin decides.
        path: Where the bundle goes.
        directory: Where logs and checkpoints go.
        dataset: The images, listed.
        recipe: What to do.
        earlier: The record of the origin; empty without one.
    """

    request: Request
    path: Path
    directory: Path
    dataset: Dataset
    recipe: Recipe
    earlier: tuple[RecordRow, ...]

    @property
    def checkpoints(self) -> Path:
        return self.directory / "checkpoints"


@dataclass(frozen=True, kw_only=True)
class _Data:
    """The images, each with its split, and what was found."""

    learnable: Learnable
    findings: tuple[Finding, ...]


def train(request: Request, *, watcher: Watcher, stop: StopRequest) -> TrainResult:
    """Do the main job.

    Raises:
        ConfigError: An option, or a file in the way.
        DataError: The data cannot be trusted; every file is named.
        Interrupted: A signal asked to stop; the state is saved.
        SightlineError: As the parts say.
    """
    began = time.monotonic()
    plan = _plan(request)
    with _claimed(plan.directory):
        _check_unfinished(plan, watcher)
        data = _read(plan, watcher, stop)
        if not request.resume:
            shutil.rmtree(plan.checkpoints, ignore_errors=True)
        session = Session(workplace=_workplace(plan), watcher=watcher, stop=stop)
        trained, made = train_bundle(plan.recipe, data.learnable, session)
        result = _finish(plan, data, (trained, made), session)
        shutil.rmtree(plan.checkpoints, ignore_errors=True)
    return replace(result, seconds=time.monotonic() - began)


def destination(request: Request) -> Path:
    """Return where the bundle goes.

    Raises:
        ConfigError: Something stands there, or the suffix or folder is wrong.
    """
    data = request.data.resolve()
    name = data.name if data.is_dir() else data.stem
    path = request.save or Path(f"{name or 'model'}{SUFFIX}")
    # An unfinished run was allowed to replace what stands there when it began.
    unfinished = request.resume and has_checkpoint(_directory(path) / "checkpoints")
    return free_path(path, suffixes=(SUFFIX,), overwrite=request.overwrite or unfinished)


def _directory(path: Path) -> Path:
    return path.with_suffix(".training")


def _report(directory: Path) -> Path:
    return directory / "report.html"


def _plan(request: Request) -> _Plan:
    """Refuse all that can be refused before an image is read or a folder made."""
    check_words(request.allow, request.without)
    origin = request.origin
    if origin is None and request.options.weights.endswith(SUFFIX):
        origin = Path(request.options.weights)
    earlier: tuple[RecordRow, ...] = ()
    if origin is not None:
        bundle = read_bundle(origin)
        options = continue_options(request.options, origin, bundle)
        request, earlier = replace(request, options=options, origin=origin), bundle.record()
    dataset = Dataset.open(request.data, allow=request.allow)
    recipe = resolve(request.options, classes=len(dataset.classes), task=dataset.task)
    class_weights(recipe.class_weight, dataset.label_matrix(), dataset.classes)
    path = destination(request)  # last: who adds --overwrite should not meet the next error then
    return _Plan(
        request=request,
        path=path,
        directory=_directory(path),
        dataset=dataset,
        recipe=recipe,
        earlier=earlier,
    )


@contextmanager
def _claimed(directory: Path) -> Iterator[None]:
    """Make the folder of a run and keep other runs out of it; leave none that is empty."""
    try:
        directory.mkdir(exist_ok=True)
    except OSError as error:
        raise write_error(directory, error) from error
    guard = directory / ".lock"
    with lock(guard):
        try:
            yield
        finally:
            if list(directory.iterdir()) == [guard]:
                shutil.rmtree(directory, ignore_errors=True)


def _check_unfinished(plan: _Plan, watcher: Watcher) -> None:
    request, unfinished = plan.request, has_checkpoint(plan.checkpoints)
    if request.resume and not unfinished:
        watcher.note(f"No unfinished run in {printable(plan.directory)}: starting anew.")
    if unfinished and not (request.resume or request.overwrite):
        raise ConfigError(
            f"There is an unfinished run in {printable(plan.directory)}.",
            expected="a word on what to do with it",
            fix="add --resume to go on with it, or --overwrite to start anew",
            code="unfinished_run",
        )


def _read(plan: _Plan, watcher: Watcher, stop: StopRequest) -> _Data:
    """Read the images, audit them and decide the split of each."""
    request, dataset = plan.request, plan.dataset
    with watcher.stage("reading images") as progress:
        contents = dataset.contents(progress=heeding(stop, progress))
    dataset, kept = keep_splits(dataset, contents, plan.earlier)
    found = (*dataset.notices, *kept, *audit(dataset, contents))
    left_out = gate(found, allow=request.allow, without=request.without)
    found = tuple(
        finding.answered("Left out.") if finding.check in request.without else finding
        for finding in found
    )
    staying = [row.name not in left_out for row in dataset.rows]
    contents = tuple(content for content, stays in zip(contents, staying, strict=True) if stays)
    dataset = dataset.without(left_out)
    parts = dataset.split(
        *request.shares, seed=request.options.seed, contents=contents, allow=request.allow
    )
    splits = {row.name: row.split for part in parts for row in part.rows}
    whole = dataset.with_splits(splits)
    refuse_seen(whole, contents, plan.earlier)
    for name in SPLITS:
        whole.part(name)  # refuses an empty one, before anything is trained
    noticed = parts[0].notices[len(dataset.notices) :]
    learnable = Learnable(dataset=whole, contents=contents, earlier=plan.earlier)
    return _Data(learnable=learnable, findings=(*found, *noticed))


def _workplace(plan: _Plan) -> Workplace:
    cache = cache_directory()
    return Workplace(
        cache=ArrayCache(cache / "arrays", limit_bytes=plan.request.cache_bytes),
        graphs=cache / "graphs",
        checkpoints=plan.checkpoints,
    )


def _finish(
    plan: _Plan, data: _Data, results: tuple[Trained, Made], session: Session
) -> TrainResult:
    """Measure on the held-out images through the twin, as they will be predicted, and save."""
    trained, made = results
    validation, _, _ = _measure(made.runner, data.learnable, "validation", session)
    test, predictions, labels = _measure(made.runner, data.learnable, "test", session)
    metrics = metrics_of(
        trained, made, {"test": test.to_json(), "validation": validation.to_json()}
    )
    # The bundle last: until it stands, what was trained can be resumed.
    _write_logs(plan.directory, trained)
    bundle = replace(made.bundle, metrics=metrics)
    write_bundle(plan.path, bundle)
    judged = _judged(data.learnable, test, predictions, labels)
    subject = Subject(
        bundle=bundle, model=plan.path, data=plan.request.data, findings=data.findings
    )
    rows = data.learnable.dataset.rows
    write_report(model_facts(judged, subject), _report(plan.directory), rows=rows)
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
        history=trained.history,
        seconds=0.0,
    )


def _measure(
    runner: LiteRTRunner, data: Learnable, split: str, session: Session
) -> tuple[Evaluation, Predictions, tuple[tuple[str, ...], ...]]:
    dataset, _ = data.part(split)
    sources = [row.source for row in dataset.rows]
    with session.watcher.stage(f"measuring on {split} images") as progress:
        predictions = predict(runner, sources, progress=heeding(session.stop, progress))
    labels = tuple(row.labels for row in dataset.rows)
    return evaluate(predictions, labels), predictions, labels


def _judged(
    data: Learnable,
    test: Evaluation,
    predictions: Predictions,
    labels: tuple[tuple[str, ...], ...],
) -> Judged:
    counts = data.dataset.split_counts
    selection = Selection(
        on="test",
        rows=data.dataset.part("test").rows,
        seen=counts["train"],
        new=0,
        other=counts["validation"],
        missing=(),
        relabelled=(),
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

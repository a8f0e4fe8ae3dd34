"""`train`: images in folders become a bundle: audited, split, trained, proven, measured, saved.

The one place that knows all the parts of the main job, in the order in which they happen.
"""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sightline.auditing import audit, gate
from sightline.batches import ArrayCache
from sightline.dataset import Content, Dataset, Finding
from sightline.errors import ConfigError
from sightline.evaluation import Evaluation, evaluate
from sightline.files import cache_directory, free_path, lock, printable
from sightline.inference import LiteRTRunner, predict
from sightline.models.bundle import SUFFIX, read_bundle, write_bundle
from sightline.predictions import Predictions
from sightline.reporting import save_curves
from sightline.training.assemble import Made
from sightline.training.checkpoint import has_checkpoint
from sightline.training.history import write_history_csv, write_tensorboard
from sightline.training.loop import Watcher
from sightline.training.recipe import Options, Recipe, resolve
from sightline.training.session import Learnable, Session, metrics_of, train_bundle
from sightline.training.signals import StopRequest
from sightline.training.trainer import Trained, Workplace
from sightline.verification import Verification


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
    path = destination(request)
    directory = path.with_suffix(".training")
    _check_unfinished(request, directory)
    request = _with_origin(request)
    resolve(request.options, classes=2, task="multi_class")  # refuse options before the reading
    data = _read(request, watcher)
    dataset = data.learnable.dataset
    recipe = resolve(request.options, classes=len(dataset.classes), task=dataset.task)
    directory.mkdir(parents=True, exist_ok=True)
    with lock(directory / ".lock"):
        session = Session(workplace=_workplace(request, directory), watcher=watcher, stop=stop)
        trained, made = train_bundle(recipe, data.learnable, session)
        result = _finish(path, directory, recipe, data, (trained, made), watcher)
        shutil.rmtree(directory / "checkpoints", ignore_errors=True)
    return replace(result, seconds=time.monotonic() - began)


def destination(request: Request) -> Path:
    """Return where the bundle goes.

    Raises:
        ConfigError: Something stands there, or the suffix or folder is wrong.
    """
    path = request.save or Path(f"{request.data.resolve().stem}{SUFFIX}")
    return free_path(path, suffixes=(SUFFIX,), overwrite=request.overwrite)


def _with_origin(request: Request) -> Request:
    """Take from one's own bundle what the options leave open."""
    if request.origin is None:
        return request
    bundle = read_bundle(request.origin)
    architecture, preprocessing = bundle.architecture, bundle.preprocessing
    options = replace(
        request.options,
        weights=str(request.origin),
        backbone=request.options.backbone or architecture.backbone,
        backbone_options=request.options.backbone_options or architecture.options,
        image_size=request.options.image_size or (architecture.height, architecture.width),
        channels=architecture.channels,
        fit=request.options.fit or preprocessing.fit,
    )
    return replace(request, options=options)


def _check_unfinished(request: Request, directory: Path) -> None:
    checkpoints = directory / "checkpoints"
    if request.overwrite and not request.resume:
        shutil.rmtree(checkpoints, ignore_errors=True)
    elif has_checkpoint(checkpoints) and not request.resume:
        raise ConfigError(
            f"There is an unfinished run in {printable(directory)}.",
            expected="a word on what to do with it",
            fix="add --resume to go on with it, or --overwrite to start anew",
            code="unfinished_run",
        )


def _read(request: Request, watcher: Watcher) -> _Data:
    dataset = Dataset.open(request.data, allow=request.allow)
    with watcher.stage("reading images") as progress:
        contents = dataset.contents(progress=progress)
    if request.origin is not None:
        dataset = _with_earlier_splits(dataset, contents, request.origin)
    findings = (*dataset.notices, *audit(dataset, contents))
    left_out = gate(findings, allow=request.allow, without=request.without)
    kept = [row.name not in left_out for row in dataset.rows]
    contents = tuple(content for content, keep in zip(contents, kept, strict=True) if keep)
    dataset = dataset.without(left_out)
    train_share, validation_share, test_share = request.shares
    parts = dataset.split(
        train_share,
        validation_share,
        test_share,
        seed=request.options.seed,
        contents=contents,
        allow=request.allow,
    )
    splits = {row.name: row.split for part in parts for row in part.rows}
    learnable = Learnable(dataset=dataset.with_splits(splits), contents=contents)
    return _Data(learnable=learnable, findings=findings)


def _with_earlier_splits(dataset: Dataset, contents: Sequence[Content], origin: Path) -> Dataset:
    """Keep each image in the split it had: what was trained on must never judge."""
    earlier = {row.digest: row.split for row in read_bundle(origin).record()}
    return dataset.with_splits(
        {
            row.name: earlier[content.digest]
            for row, content in zip(dataset.rows, contents, strict=True)
            if content.digest in earlier
        }
    )


def _workplace(request: Request, directory: Path) -> Workplace:
    cache = cache_directory()
    return Workplace(
        cache=ArrayCache(cache / "arrays", limit_bytes=request.cache_bytes),
        graphs=cache / "graphs",
        checkpoints=directory / "checkpoints",
    )


def _finish(
    path: Path,
    directory: Path,
    recipe: Recipe,
    data: _Data,
    results: tuple[Trained, Made],
    watcher: Watcher,
) -> TrainResult:
    """Measure on the held-out images through the twin, as they will be predicted, and save."""
    trained, made = results
    validation, _, _ = _measure(made.runner, data.learnable, "validation", watcher)
    test, predictions, labels = _measure(made.runner, data.learnable, "test", watcher)
    metrics = metrics_of(
        trained, made, {"test": test.to_json(), "validation": validation.to_json()}
    )
    write_bundle(path, replace(made.bundle, metrics=metrics))
    _write_logs(directory, trained)
    return TrainResult(
        path=path,
        directory=directory,
        recipe=recipe,
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
    runner: LiteRTRunner, data: Learnable, split: str, watcher: Watcher
) -> tuple[Evaluation, Predictions, tuple[tuple[str, ...], ...]]:
    dataset, _ = data.part(split)
    with watcher.stage(f"measuring on {split} images") as progress:
        predictions = predict(runner, [row.source for row in dataset.rows], progress=progress)
    labels = tuple(row.labels for row in dataset.rows)
    return evaluate(predictions, labels), predictions, labels


def _write_logs(directory: Path, trained: Trained) -> None:
    if trained.history:
        write_history_csv(directory / "history.csv", trained.history)
        write_tensorboard(directory / "tensorboard", trained.history)
        save_curves(trained.history, directory / "curves.png")

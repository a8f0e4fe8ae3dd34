"""One call from datasets and a recipe to a proven bundle: what every front of training uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np

from sightline.batches import ArrayCache
from sightline.dataset import Dataset, RecordRow
from sightline.errors import DataError
from sightline.evaluation import CalibrationGain
from sightline.files import cache_directory, canonical_json, sha256_bytes
from sightline.images import Preprocessing
from sightline.inference import Runner
from sightline.training.assemble import (
    Made,
    environment,
    keras_runner,
    make_bundle,
    with_rules,
)
from sightline.training.calibrate import calibrate, calibrating_rows, hold_out, logits_of
from sightline.training.learnable import Learnable
from sightline.training.logged import LoggingWatcher
from sightline.training.loop import Watcher
from sightline.training.origin import refuse_seen
from sightline.training.parts import Part, heeding
from sightline.training.recipe import Recipe
from sightline.training.signals import StopRequest
from sightline.training.teacher import Teacher
from sightline.training.trainer import Job, Trained, Workplace, train_model

_COMPARED_IMAGES = 64


@dataclass(frozen=True, kw_only=True)
class Session:
    """Where and before whom a run takes place.

    Attributes:
        workplace: Where it keeps things.
        watcher: Who is told.
        stop: Who may stop it.
    """

    workplace: Workplace
    watcher: Watcher
    stop: StopRequest


def train_bundle(
    recipe: Recipe,
    data: Learnable,
    session: Session,
    *,
    start: Mapping[str, np.ndarray] | None = None,
    teacher: Teacher | None = None,
) -> tuple[Trained, Made]:
    """Train, convert, and prove the twin on validation images.

    Args:
        recipe: What to do.
        data: With what.
        session: Where and before whom.
        start: Weights by name to start from, but for the head, in place of the recipe's.
        teacher: Whose answers are learned, as the recipe's distillation says.

    Raises:
        SightlineError: As `training.trainer.train_model` and `training.assemble.make_bundle`.
    """
    parts = Parts.of(data, recipe.preprocessing)
    job = replace(job_of(recipe, parts, data, session), start=start, teacher=teacher)
    trained = train_model(job)
    return trained, prove(trained, recipe, parts, data, session)


def job_of(recipe: Recipe, parts: Parts, data: Learnable, session: Session) -> Job:
    """Return all that a training run is made of.

    Args:
        recipe: What to do.
        parts: The images by what they are for.
        data: Where they come from.
        session: Where and before whom.
    """
    return Job(
        recipe=recipe,
        classes=data.dataset.classes,
        training=parts.training,
        validation=parts.validation,
        calibration=parts.calibration,
        identity=_identity(recipe, data),
        workplace=session.workplace,
        watcher=session.watcher,
        stop=session.stop,
    )


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The images of a run by what they are for.

    Attributes:
        training: They are learned from.
        validation: They choose the model.
        calibration: They calibrate what was chosen; as many as are enough.
        groups: What each of these hangs together with.
    """

    training: Part
    validation: Part
    calibration: Part
    groups: tuple[str, ...]

    @classmethod
    def of(cls, data: Learnable, preprocessing: Preprocessing) -> Parts:
        """Return the parts of `data`, to be decoded as a network wants them."""
        training, validation, calibration = (
            Part.of(*part, classes=data.dataset.classes, preprocessing=preprocessing)
            for part in (
                data.part("train"),
                data.part("validation", calibrates=False),
                data.part("validation", calibrates=True),
            )
        )
        groups = list(compress(data.groups, data.calibrates))
        enough = calibrating_rows(calibration.digests)
        return cls(
            training=training,
            validation=validation,
            calibration=calibration.at(enough),
            groups=tuple(groups[row] for row in enough),
        )


def prove(
    trained: Trained, recipe: Recipe, parts: Parts, data: Learnable, session: Session
) -> Made:
    """Calibrate what was trained, convert it, prove the twin, and choose the rules.

    Args:
        trained: The model; its temperature is set.
        recipe: How it was made.
        parts: The images.
        data: Where they come from.
        session: Who is told.

    Raises:
        CheckFailedError, ModelError: As `training.assemble.make_bundle`.
    """
    source = keras_runner(trained.model, recipe, data.dataset.classes)
    _calibrate(trained, source, parts.calibration, session)
    validation = parts.validation
    # Evenly from all of it: rows come class by class.
    count = min(len(validation), _COMPARED_IMAGES)
    compared = np.linspace(0, len(validation) - 1, count).astype(np.int64)
    with session.watcher.stage("converting and comparing") as progress:
        made = make_bundle(
            trained,
            recipe,
            source=source,
            record=data.record(),
            pixels=validation.decode(compared),
        )
        heeding(session.stop, progress)(count, count)
    with session.watcher.stage("looking at what is familiar") as progress:
        held_out = hold_out(
            made.runner,
            parts.calibration,
            parts.training,
            groups=parts.groups,
            embeddings=trained.embeddings,
            progress=heeding(session.stop, progress),
        )
    return with_rules(made, held_out)


def _calibrate(trained: Trained, source: Runner, part: Part, session: Session) -> None:
    if not len(part):
        return
    logits = trained.calibration_logits
    if logits is None:
        with session.watcher.stage("calibrating") as progress:
            logits = logits_of(source, part, progress=heeding(session.stop, progress))
    calibrate(trained.model, logits, part.targets > 0.5, task=source.task)


def metrics_of(trained: Trained, made: Made, evaluations: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the bundle tells of the run, as JSON.

    Args:
        trained: The model and its history.
        made: The bundle and its proof.
        evaluations: JSON of the evaluation for each split that was measured.
    """
    head = trained.head
    return {
        **evaluations,
        "verification": made.verification.to_json(),
        "history": [dict(row) for row in trained.history],
        "head": None if head is None else head.to_json(),
    }


def calibration_json(made: Made, gain: CalibrationGain | None) -> dict[str, Any]:
    """Return how the model was calibrated, and what that did, as JSON.

    Args:
        made: The bundle.
        gain: Measured on images that did not calibrate it.
    """
    held_out = made.bundle.held_out()
    return {
        # Images that chose the model are never among them.
        "method": "none" if held_out is None else "held out of validation",
        "images": 0 if held_out is None else len(held_out.logits),
        "temperature": made.bundle.temperature().tolist(),
        "on_test": None if gain is None else gain.to_json(),
    }


def in_python(cache: ArrayCache, graphs: Path, watcher: Watcher | None) -> Session:
    """Return the session of a call from Python: no checkpoints, the host's own signals.

    Args:
        cache: Where pixels and features are kept.
        graphs: Where converted backbones are kept.
        watcher: Who is told; the log by default.
    """
    return Session(
        workplace=Workplace(cache=cache, graphs=graphs),
        watcher=watcher or LoggingWatcher(),
        stop=StopRequest(),
    )


def in_folder(
    checkpoints: Path, watcher: Watcher, stop: StopRequest, *, cache_bytes: int | None = None
) -> Session:
    """Return the session of a command, whose run can be resumed.

    Args:
        checkpoints: Where its states are kept.
        watcher: Who is told.
        stop: Who may stop it.
        cache_bytes: What pixels and features may take on the disk.
    """
    cache = cache_directory()
    workplace = Workplace(
        cache=ArrayCache(cache / "arrays", limit_bytes=cache_bytes),
        graphs=cache / "graphs",
        checkpoints=checkpoints,
    )
    return Session(workplace=workplace, watcher=watcher, stop=stop)


def join(
    training: Dataset, validation: Dataset, *, earlier: tuple[RecordRow, ...] = ()
) -> Learnable:
    """Return two datasets as one, each row in its split.

    Args:
        training: The images to learn from.
        validation: The images that choose.
        earlier: The record of the bundle that training continues from.

    Raises:
        DataError: An image stands in both, or their classes differ; or what chooses was
            trained on before.
    """
    named = (("train", training), ("validation", validation))
    rows = [replace(row, split=split) for split, part in named for row in part.rows]
    joined = replace(training, rows=tuple(rows))
    contents = joined.contents()
    digests = {
        split: {c.digest for row, c in zip(rows, contents, strict=True) if row.split == split}
        for split, _ in named
    }
    shared = len(digests["train"] & digests["validation"])
    if shared or training.classes != validation.classes:
        raise DataError(
            f"The validation data shares {shared} images with the training data."
            if shared
            else "The validation data has other classes than the training data.",
            expected="two parts of one dataset",
            fix="use train, val, test = dataset.split(...)",
            code="leak" if shared else "unknown_class",
        )
    refuse_seen(joined, contents, earlier)
    return Learnable(dataset=joined, contents=contents, earlier=earlier)


def _entries(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the leaves of JSON data: dotted names and values as JSON."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _entries(inner, f"{name}.{key}" if name else key)
    else:
        yield name, canonical_json(value)


def _identity(recipe: Recipe, data: Learnable) -> dict[str, str]:
    return {
        **dict(_entries(recipe.to_json())),  # not its digest: a difference can be named
        "data": data.dataset.fingerprint(data.contents),
        "environment": sha256_bytes(canonical_json(environment()).encode()),
    }

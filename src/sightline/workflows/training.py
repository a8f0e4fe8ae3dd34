"""What is asked of `train`, what is decided on the way, and what comes out: records, no work."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sightline.dataset import Dataset, Finding, RecordRow
from sightline.errors import CheckFailedError, SightlineError
from sightline.evaluation import CalibrationGain, Evaluation, Requirement, Verdict
from sightline.files import printable
from sightline.models.rules import Rules
from sightline.models.wishes import Wish
from sightline.predictions import Predictions
from sightline.training.learnable import Learnable
from sightline.training.recipe import Options, Recipe
from sightline.verification import Verification
from sightline.workflows.looks import Looks
from sightline.workflows.run_folder import RunFolder

REPORT = "report.html"
"""The page on a run, in its directory."""


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
        wish: What the answers of the model are to be like.
        requirements: What the test part has to show; the bundle is saved all the same.
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
    wish: Wish = field(default_factory=Wish)
    requirements: tuple[Requirement, ...] = ()


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
        calibrated: Whether there were images to calibrate it on.
        calibration: What the temperature did to the log loss of the test images.
        rules: From probabilities to answers.
        refused: Why the wish could not be fulfilled; the model is saved without it.
        history: One row for each epoch.
        looks: At the test images, this one included.
        report: The page on this run; None where it could not be written.
        notices: What went wrong once the model stood.
        seconds: Wall time of it all.
        verdicts: Whether the test part shows what was required.
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
    calibrated: bool
    calibration: CalibrationGain | None
    rules: Rules
    refused: CheckFailedError | None
    history: tuple[Mapping[str, float], ...]
    looks: Looks | None
    report: Path | None
    seconds: float
    notices: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    @property
    def next_command(self) -> str:
        """What to run next."""
        return f"sightline predict {shlex.quote(str(self.path))} PHOTOS"

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON (`reporting/schemas/train.json`)."""
        weakest = self.test.weakest_class
        return {
            "schema": "train",
            "schema_version": "1.2",
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
            "calibration": self.calibration and self.calibration.to_json(),
            "rules": self.rules.to_json(),
            "refused": self.refused and _parts(self.refused),
            "notices": list(self.notices),
            "looks": self.looks and self.looks.to_json(),
            "requirements": [one.to_json() for one in self.verdicts],
            "seconds": self.seconds,
            "next_command": self.next_command,
        }


def _parts(error: SightlineError) -> dict[str, str | None]:
    return {"what": error.what, "expected": error.expected, "fix": error.fix}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What was decided before an image is read.

    Attributes:
        request: With what the origin decides.
        folder: Where the bundle, logs and checkpoints go.
        dataset: The images, listed.
        recipe: What to do.
        earlier: The record of the origin; empty without one.
    """

    request: Request
    folder: RunFolder
    dataset: Dataset
    recipe: Recipe
    earlier: tuple[RecordRow, ...]

    @property
    def path(self) -> Path:
        """Where the bundle goes."""
        return self.folder.path

    @property
    def directory(self) -> Path:
        """Where logs go."""
        return self.folder.directory


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The images, ready to be learned from.

    Attributes:
        learnable: Each with its split.
        findings: What was found.
    """

    learnable: Learnable
    findings: tuple[Finding, ...]

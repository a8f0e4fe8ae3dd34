"""`report`: all that is known of a model, or of images alone, as one page or one JSON document.

Gathers facts and writes them; what each fact means and looks like is decided in `reporting`.
Needs no TensorFlow.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, TypeVar

import sightline
from sightline.auditing import Findings, NotRun, Suspicion
from sightline.dataset import Dataset, Finding, Row
from sightline.dataset.records import counted
from sightline.errors import ModelError
from sightline.evaluation import Evaluation, Verdict, mistakes, right_answers
from sightline.evaluation.stress import Stressed
from sightline.files import free_path, sha256_bytes, sha256_file, write_json, write_text
from sightline.images import BytesSource, decoder_version
from sightline.models.bundle import RECORD, Bundle
from sightline.reporting.card import Card
from sightline.reporting.cells import matrix_cells
from sightline.reporting.facts import DataFacts, Facts, Provenance, SliceRow, Training
from sightline.reporting.page import names_wanted, render_page
from sightline.reporting.thumbnails import Pictures, thumbnail, thumbnails
from sightline.workflows import facts as part
from sightline.workflows.audit import Audited
from sightline.workflows.data_facts import data_facts, now
from sightline.workflows.evaluate import Judged, Selection
from sightline.workflows.looks import Look
from sightline.workflows.slices import slice_answers

SUFFIXES = (".html", ".json")

_MISTAKES = 24
_TRIAL = ("strength", "validation_loss", "validation_accuracy")
Given = TypeVar("Given")
Said = TypeVar("Said")

_PACKAGES = ("ai-edge-litert", "jinja2", "numpy", "pillow")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is judged, beyond the answers.

    Attributes:
        bundle: The model.
        model: Its file.
        data: The data as it was given.
        rows: The images that were audited; without them, nothing is said of where they stand.
        findings: What the audit says; None where there was none.
        not_run: The checks of the audit that could not run.
        card: What the model is for.
        verdicts: Whether what was required is shown.
        looks: When these images were judged, this time included.
        suspicions: Labels that are probably wrong; None where none were looked for.
        features: Whose features tell of them, in a sentence.
        heatmaps: The method that draws heatmaps beside images; empty for none.
        stressed: Accuracy on worse images; None where there was none.
        reasons: From a section's id to why there is nothing to show, where that is unusual.
    """

    bundle: Bundle
    model: Path
    data: Path
    rows: tuple[Row, ...] = ()
    findings: tuple[Finding, ...] | None = None
    not_run: tuple[NotRun, ...] = ()
    card: Card | None = None
    verdicts: tuple[Verdict, ...] = ()
    looks: tuple[Look, ...] | None = None
    suspicions: tuple[Suspicion, ...] | None = None
    features: str = ""
    heatmaps: str = ""
    stressed: Stressed | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)


def report(
    result: Evaluation | Judged | Findings | Audited | DataFacts,
    path: str | Path,
    *,
    data: Dataset | None = None,
    overwrite: bool = False,
    overlays: Iterable[tuple[str, bytes]] = (),
) -> Path:
    """Write a result as a page for people (`.html`) or as data for programs (`.json`).

    Args:
        result: An `Evaluation` gives the figures; `Judged` adds mistakes and images; findings
            and `Audited` give a page of the data alone; facts are written as they are.
        path: Where to; the suffix decides.
        data: What was audited: adds counts and images to findings.
        overwrite: Replace what stands there.
        overlays: Heatmaps as PNG or JPEG files, by the names of the images.

    Returns:
        The path.

    Raises:
        ConfigError: The suffix is another, or the file exists and `overwrite` is false.
        MachineError: The file cannot be written.
    """
    target = free_path(Path(path), suffixes=SUFFIXES, overwrite=overwrite, option="overwrite=True")
    rows = result.selection.rows if isinstance(result, Judged) else data.rows if data else ()
    write_report(_facts(result, data), target, rows=rows, overlays=overlays)
    return target


def model_facts(judged: Judged, subject: Subject) -> Facts:
    """Return what is known of a model, its data and its answers.

    Args:
        judged: Its answers on held-out images.
        subject: Where they come from.
    """
    bundle, selection, record = subject.bundle, judged.selection, subject.bundle.record()
    predictions, evaluation = judged.predictions, judged.evaluation
    right, groups = right_answers(predictions, judged.labels), selection.groups
    return Facts(
        title=subject.model.stem,
        model=str(subject.model),
        data=str(subject.data),
        part=selection.on,
        created=now(),
        evaluation=evaluation,
        notes=_notes(selection),
        reasons=subject.reasons,
        requirements=part.requirements(subject.verdicts),
        card=subject.card,
        splits=part.split_counts(row.split for row in record),
        counts=part.class_counts(bundle.classes, ((row.labels, row.split) for row in record)),
        findings=subject.findings,
        not_run=subject.not_run,
        places=part.places(subject.rows, subject.findings or (), subject.suspicions or ()),
        training=_training(bundle),
        cells=matrix_cells(predictions, judged.labels),
        mistakes=mistakes(predictions, judged.labels, _MISTAKES),
        doubts=subject.suspicions,
        doubts_by=subject.features,
        heatmaps=subject.heatmaps,
        calibration=part.calibration(predictions, judged.labels, evaluation, bundle, groups=groups),
        thresholds=part.thresholds(bundle.rules, bundle.classes),
        sets=part.prediction_sets(predictions, judged.labels, bundle, groups=groups),
        roc=part.roc(evaluation),
        precision_recall=part.precision_recall(evaluation),
        risk_coverage=part.coverage_curve(predictions, right, groups=groups),
        abstaining=part.abstaining(predictions, judged.labels, bundle, groups=groups),
        slices=_slices(judged),
        stress=_if(part.stress_curves, subject.stressed),
        looks=_if(part.looks, subject.looks),
        provenance=_provenance(judged, subject),
    )


def _if(give: Callable[[Given], Said], known: Given | None) -> Said | None:
    return None if known is None else give(known)


def _slices(judged: Judged) -> tuple[SliceRow, ...] | None:
    selection = judged.selection
    if not selection.contents:
        return None
    return part.slice_rows(slice_answers(judged.predictions, selection.rows, selection.contents))


def write_report(
    facts: DataFacts,
    path: Path,
    *,
    rows: Sequence[Row] = (),
    overlays: Iterable[tuple[str, bytes]] = (),
) -> None:
    """Write facts to `path` atomically, replacing what stands there.

    Args:
        facts: What is said.
        path: Ends in `.html` or `.json`.
        rows: Where the page finds the images that it shows.
        overlays: Heatmaps as PNG or JPEG files, by the names of the images.

    Raises:
        MachineError: The file cannot be written.
    """
    if path.suffix.lower() == ".json":
        write_json(path, facts.to_json())
        return
    sources = {row.name: row.source for row in rows}
    small = ((name, thumbnail(BytesSource(picture, name))) for name, picture in overlays)
    pictures = Pictures(
        thumbnails=thumbnails(names_wanted(facts), sources),
        overlays={name: picture for name, picture in small if picture is not None},
    )
    write_text(path, render_page(facts, pictures=pictures))


def _facts(
    result: Evaluation | Judged | Findings | Audited | DataFacts, data: Dataset | None
) -> DataFacts:
    if isinstance(result, DataFacts):
        return result
    if isinstance(result, Evaluation):
        return Facts(title="Evaluation", evaluation=result)
    if isinstance(result, Findings):
        result = Audited(findings=result, contents=())
    if isinstance(result, Audited):
        return data_facts(result, data)
    return Facts(
        title="Evaluation",
        part=result.selection.on,
        evaluation=result.evaluation,
        notes=_notes(result.selection),
        cells=matrix_cells(result.predictions, result.labels),
        mistakes=mistakes(result.predictions, result.labels, _MISTAKES),
    )


def _notes(selection: Selection) -> tuple[str, ...]:
    unknown = 0 if selection.on == "new" else selection.new
    counts = (
        (selection.seen, "Left out, because trained on"),
        (selection.other, "Left out, because of another held-out part"),
        (unknown, "Left out, because not on the model's record"),
        (len(selection.missing), "On record for this part, but not given"),
        (len(selection.relabelled), "Labelled otherwise than on record"),
    )
    return tuple(f"{what}: {counted(count, 'image')}." for count, what in counts if count)


def _training(bundle: Bundle) -> Training:
    """Return what the bundle tells of its training; figures in it may come from strangers."""
    try:
        history = tuple(_numbers(row, row) for row in bundle.metrics.get("history", ()))
        head = bundle.metrics.get("head")
        if head is not None:
            trials = [_numbers(trial, _TRIAL) for trial in head["trials"]]
            head = {"strength": float(head["strength"]), "trials": trials}
        if any(row.keys() != history[0].keys() or "epoch" not in row for row in history):
            raise ValueError("epochs do not have the same figures")
        return Training(recipe=dict(bundle.recipe), history=history, head=head)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"What the model file says of its training is damaged: {error}.",
            expected="a file as Sightline wrote it",
            fix="take another copy of it, or train again",
            code="damaged_model",
        ) from error


def _numbers(row: Mapping[str, Any], names: Iterable[str]) -> dict[str, float]:
    return {name: float(row[name]) for name in names}


def _provenance(judged: Judged, subject: Subject) -> Provenance:
    bundle = subject.bundle
    seed = bundle.recipe.get("seed")
    answers = judged.predictions.probabilities.tobytes()
    return Provenance(
        hashes={
            "the model file": sha256_file(subject.model),
            "the record of images": sha256_bytes(bundle.members[RECORD]),
            "the answers": sha256_bytes(answers),
            "Sightline's code": code_digest(),
        },
        seeds={"the training": seed} if isinstance(seed, int) else {},
        trained_with=bundle.environment,
        judged_with=_environment(),
    )


def code_digest() -> str:
    """Return a SHA-256 over the names and contents of this package's modules."""
    root = Path(sightline.__file__).parent
    lines = (
        f"{path.relative_to(root).as_posix()} {sha256_file(path)}\n"
        for path in sorted(root.rglob("*.py"))
    )
    return sha256_bytes("".join(lines).encode())


def _environment() -> dict[str, Any]:
    return {
        "sightline": sightline.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
        "decoder": decoder_version(),
        "packages": {
            found.metadata["Name"]: found.version
            for name in _PACKAGES
            for found in distributions(name=name)
        },
    }

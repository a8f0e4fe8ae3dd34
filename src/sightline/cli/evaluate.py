"""`sightline evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sightline.cli.console import Console
from sightline.cli.looks import tell_looks
from sightline.cli.options import Allow, Data, Model, On, Overwrite, Require, parse_numbers
from sightline.cli.quiet import without_start_messages
from sightline.cli.reading import read_images
from sightline.cli.requirements import read_requirements, refuse_unmet, tell_verdicts
from sightline.evaluation import (
    Verdict,
    calibration_gain,
    check_askable,
    check_prevalence,
    mistakes,
    verdict,
)
from sightline.evaluation.abstaining import answered
from sightline.evaluation.slices import Slices
from sightline.files import free_path, printable
from sightline.inference import LiteRTRunner
from sightline.models.bundle import read_bundle
from sightline.reporting import evaluation_lines
from sightline.reporting.rules import answered_line
from sightline.reporting.slices import slice_lines
from sightline.workflows.evaluate import Judged, evaluate_images, select
from sightline.workflows.looks import Looks, record_look
from sightline.workflows.report import SUFFIXES, Subject, model_facts, write_report
from sightline.workflows.slices import slice_answers

_MISTAKES = 5


def evaluate(
    context: typer.Context,
    model: Model,
    data: Data,
    *,
    on: On = "test",
    prevalence: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CLASS=SHARE",
            help="How frequent a class is in use, if not as in these images; repeatable.",
        ),
    ] = None,
    require: Require = None,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write a report: .html for people, .json as data."),
    ] = None,
    allow: Allow = None,
    overwrite: Overwrite = False,
) -> None:
    """Is it right? Measured on held-out images, with intervals.

    Images are recognised by content, so moving or renaming them changes nothing. An image that
    was trained on is never counted.
    """
    console: Console = context.obj
    requirements = read_requirements(require)
    shares = parse_numbers(
        "--prevalence", prevalence or (), expected="CLASS=SHARE, for example defect=0.01"
    )
    path = save and free_path(save, suffixes=SUFFIXES, overwrite=overwrite)
    bundle = read_bundle(model)
    check_askable(requirements, task=bundle.task, classes=bundle.classes, in_use=bool(shares))
    if shares:
        check_prevalence(shares, task=bundle.task, classes=bundle.classes)
    dataset, contents = read_images(console, data, allow)
    selection = select(dataset, contents, bundle.record(), on=on)
    with without_start_messages():
        runner = LiteRTRunner(bundle)
    with console.progress("Predicting") as progress:
        judged = evaluate_images(runner, selection, prevalence=shares or None, progress=progress)
    verdicts = tuple(verdict(one, judged.evaluation) for one in requirements)
    looks = record_look(
        model,
        bundle,
        command="evaluate",
        part=on,
        images=selection.digests,
        accuracy=judged.evaluation.accuracy.value,
    )
    tell_looks(console, looks)
    if path is not None:
        subject = Subject(
            bundle=bundle,
            model=model,
            data=data,
            verdicts=verdicts,
            looks=looks.model if looks else None,
        )
        facts = model_facts(judged, subject)
        write_report(facts, path, rows=selection.rows)
        console.note(f"saved {printable(path)}")
    if console.as_json:
        named = {"model": printable(model), "data": printable(data)}
        console.document({**_document(judged, verdicts, looks), **named})
    else:
        _tell(console, judged)
        tell_verdicts(console, verdicts)
    refuse_unmet(verdicts)


def _slices(judged: Judged) -> Slices:
    selection = judged.selection
    return slice_answers(judged.predictions, selection.rows, selection.contents)


def _document(
    judged: Judged, verdicts: tuple[Verdict, ...], looks: Looks | None
) -> dict[str, object]:
    predictions, labels, groups = judged.predictions, judged.labels, judged.selection.groups
    wrong = mistakes(predictions, labels, _MISTAKES)
    rules = gain = None
    if not judged.selection.calibrated:  # images that fitted both would praise them
        rules = answered(predictions, labels, groups=groups)
        gain = calibration_gain(predictions, labels, groups=groups)
    return {
        "schema": "evaluate",
        "schema_version": "1.1",
        "selection": judged.selection.to_json(),
        "evaluation": judged.evaluation.to_json(),
        "mistakes": [mistake.to_json() for mistake in wrong],
        "requirements": [one.to_json() for one in verdicts],
        "answered": rules and rules.to_json(),
        "calibration": gain and gain.to_json(),
        "slices": _slices(judged).to_json(),
        "looks": looks and looks.to_json(),
    }


def _tell(console: Console, judged: Judged) -> None:
    selection = judged.selection
    console.line(f"{len(selection.rows):,} images of the part {selection.on!r}")
    for count, what in (
        (selection.seen, "were trained on and are left out"),
        (selection.new, "are not on the model's record: new, or left out (--on new judges them)"),
        (selection.copies, "are further copies of judged ones and are left out"),
        (selection.other, "belong to another part"),
        (len(selection.missing), "are on record for this part and were not given"),
        (len(selection.relabelled), "have another label than the one on record"),
    ):
        if count and not (what.startswith("are not on") and selection.on == "new"):
            console.note(f"{count:,} images {what}")
    for line in evaluation_lines(judged.evaluation):
        console.line(line)
    calibrated = judged.selection.calibrated
    if calibrated:
        console.note(
            f"{calibrated:,} of these images calibrated the model and the others chose it: "
            "the figures flatter"
        )
    rules = (
        None if calibrated else answered(judged.predictions, judged.labels, groups=selection.groups)
    )
    if rules is not None:
        console.line()
        console.line(answered_line(rules, whose="the model"))
    console.line()
    for line in slice_lines(_slices(judged)):
        console.line(line)
    wrong = mistakes(judged.predictions, judged.labels, _MISTAKES)
    if wrong:
        console.line()
        console.line("Surest mistakes", style="bold")
    for mistake in wrong:
        console.line(
            f"  {printable(mistake.name)}: {', '.join(mistake.answer) or 'none'} "
            f"({mistake.confidence:.2f}), labelled {', '.join(mistake.labels) or 'none'}"
        )

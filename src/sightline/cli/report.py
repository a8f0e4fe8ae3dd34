"""`sightline report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sightline.auditing import audit
from sightline.auditing.gate import check_words
from sightline.cli.console import Console
from sightline.cli.looks import tell_looks
from sightline.cli.options import Allow, Data, Model, Overwrite
from sightline.cli.quiet import without_start_messages
from sightline.dataset import Dataset
from sightline.dataset.record import splits_on_record
from sightline.files import free_path, printable
from sightline.inference import LiteRTRunner
from sightline.models.bundle import read_bundle
from sightline.reporting.card import card_template, read_card
from sightline.workflows.evaluate import evaluate_images, select
from sightline.workflows.looks import record_look
from sightline.workflows.report import SUFFIXES, Subject, model_facts, write_report


def _print_template(context: typer.Context, asked: bool) -> None:
    if asked:
        Console().line(card_template().rstrip())
        raise typer.Exit


def report(
    context: typer.Context,
    model: Model,
    data: Data,
    *,
    save: Annotated[
        Path, typer.Option(metavar="FILE", help="Where it goes: .html for people, .json as data.")
    ] = Path("report.html"),
    on: Annotated[
        str,
        typer.Option(
            help="Which images: test or validation, as the model's record has them, or new."
        ),
    ] = "test",
    card: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help="A model card: what the model is for, its limits."),
    ] = None,
    card_template: Annotated[
        bool,
        typer.Option(
            "--card-template",
            help="Print a model card to fill in, and end.",
            is_eager=True,
            callback=_print_template,
        ),
    ] = False,
    allow: Allow = None,
    overwrite: Overwrite = False,
) -> None:
    """Write all that is known of a model as one page.

    One HTML file that loads nothing: figures with intervals, confusions and mistakes with their
    images, what the audit found, the recipe, and what must be the same to get the same again.
    """
    console: Console = context.obj
    path = free_path(save, suffixes=SUFFIXES, overwrite=overwrite)
    told = None if card is None else read_card(card)
    bundle = read_bundle(model)
    check_words(allow or (), ())
    dataset = Dataset.open(data, allow=allow or ())
    with console.progress("Reading images") as progress:
        contents = dataset.contents(progress=progress)
    record = bundle.record()
    selection = select(dataset, contents, record, on=on)
    known = splits_on_record(record)
    splits = {
        row.name: known.get(content.digest)
        for row, content in zip(dataset.rows, contents, strict=True)
    }
    findings = (*dataset.notices, *audit(dataset.with_splits(splits), contents))
    with without_start_messages():
        runner = LiteRTRunner(bundle)
    with console.progress("Predicting") as progress:
        judged = evaluate_images(runner, selection, progress=progress)
    looks = record_look(
        model,
        bundle,
        command="report",
        part=on,
        images=selection.digests,
        accuracy=judged.evaluation.accuracy.value,
    )
    tell_looks(console, looks)
    subject = Subject(
        bundle=bundle,
        model=model,
        data=data,
        findings=findings,
        card=told,
        looks=looks.model if looks else None,
    )
    facts = model_facts(judged, subject)
    write_report(facts, path, rows=dataset.rows)
    if console.as_json:
        console.document(facts.to_json())
        return
    size = path.stat().st_size / 1e6
    accuracy = facts.evaluation.accuracy
    console.line(f"saved {printable(path)} ({size:.1f} MB): accuracy {accuracy} on {on} images")

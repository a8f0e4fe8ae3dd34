"""`sightline report`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from sightline.cli.console import Console
from sightline.cli.looks import tell_looks
from sightline.cli.options import Allow, Data, Model, On, Overwrite
from sightline.cli.quiet import without_start_messages
from sightline.cli.reading import read_images
from sightline.dataset import Content, Dataset
from sightline.dataset.record import RecordRow, splits_on_record
from sightline.explanation import default_method
from sightline.files import free_path, printable
from sightline.inference import LiteRTRunner
from sightline.models.bundle import read_bundle
from sightline.reporting.card import card_template, read_card
from sightline.reporting.facts import Facts
from sightline.workflows.audit import feature_graph
from sightline.workflows.evaluate import evaluate_images, select
from sightline.workflows.looks import record_look
from sightline.workflows.report import SUFFIXES, Subject, model_facts, write_report
from sightline.workflows.thorough import (
    audit_subject,
    draw_overlays,
    explainable,
    stress_test,
)


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
    on: On = "test",
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
    thorough: Annotated[
        bool,
        typer.Option(
            "--thorough",
            help="Also look for doubtful labels, make images worse, and draw where the model "
            "looked; takes minutes.",
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
    dataset, contents = read_images(console, data, allow)
    selection = select(dataset, contents, bundle.record(), on=on)
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
        bundle=bundle, model=model, data=data, card=told, looks=looks.model if looks else None
    )
    with without_start_messages():
        graph = feature_graph(str(model)) if thorough else None
    dataset = _on_record(dataset, contents, bundle.record())
    subject = audit_subject(subject, dataset, contents, graph=graph, stage=console.progress)
    if thorough:
        stressed = stress_test(runner, selection, stage=console.progress)
        method = default_method() if path.suffix.lower() != ".json" else ""
        subject = replace(subject, stressed=stressed, heatmaps=method)
    facts = model_facts(judged, subject)
    overlays = _overlays(console, facts, subject) if subject.heatmaps else {}
    write_report(facts, path, rows=dataset.rows, overlays=overlays.items())
    if console.as_json:
        console.document(facts.to_json())
        return
    size = path.stat().st_size / 1e6
    accuracy = facts.evaluation.accuracy
    console.line(f"saved {printable(path)} ({size:.1f} MB): accuracy {accuracy} on {on} images")


def _on_record(
    dataset: Dataset, contents: Sequence[Content], record: Sequence[RecordRow]
) -> Dataset:
    """Return the dataset with the splits that the model has on record, found by content."""
    known = splits_on_record(record)
    pairs = zip(dataset.rows, contents, strict=True)
    return dataset.with_splits({row.name: known.get(content.digest) for row, content in pairs})


def _overlays(console: Console, facts: Facts, subject: Subject) -> dict[str, bytes]:
    with without_start_messages():
        model = explainable(subject.bundle)
    return draw_overlays(model, facts, subject.rows, stage=console.progress)

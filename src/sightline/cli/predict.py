"""`sightline predict`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from sightline.cli.console import Console
from sightline.cli.findings import tell_findings
from sightline.cli.options import Images, ModelOrName, Overwrite, Trust
from sightline.cli.quiet import without_start_messages
from sightline.files import free_path, printable
from sightline.predictions import Predictions
from sightline.reporting import ANSWER_FORMS, answer_documents, open_answers
from sightline.workflows.predict import find_images, open_model, predict_images


def predict(
    context: typer.Context,
    model: ModelOrName,
    paths: Images,
    *,
    top: Annotated[int, typer.Option(min=1, help="Most probable classes to list.")] = 3,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a row for each image: .csv, .jsonl, .parquet."),
    ] = None,
    unsure_below: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Answer 'unsure' when the confidence is lower.", show_default=False
        ),
    ] = None,
    trust: Trust = False,
    overwrite: Overwrite = False,
) -> None:
    """Classify images with a trained or a ready-made model.

    One answer each, in order; a bad image gets a row that says why.

    With --json each line of standard output is one JSON document.
    """
    console: Console = context.obj
    if save is not None:
        free_path(save, suffixes=tuple(ANSWER_FORMS), overwrite=overwrite)
    images = find_images(paths)
    tell_findings(console, images.findings)
    with without_start_messages():
        runner = open_model(model, trust=trust)
    failed = unsure = unlike = 0
    with ExitStack() as stack:
        writer = stack.enter_context(open_answers(save, top=top)) if save else None
        progress = stack.enter_context(console.progress("Predicting"))
        for chunk in predict_images(runner, images, unsure_below=unsure_below, progress=progress):
            failed += len(chunk.errors)
            unlike += int(chunk.unlike.sum())
            unsure += int((chunk.unsure & ~chunk.unlike).sum())
            if writer is not None:
                writer.write(chunk)
            if console.as_json:
                _print_documents(console, chunk, top)
            elif writer is None:
                for line in _lines(chunk, top):
                    console.line(line)
    total = len(images.sources)
    for count, words in ((unsure, "unsure"), (unlike, "unlike the training data")):
        if count and total > 1:
            console.note(f"{count:,} of {total:,} images: {words}")
    if writer is not None and writer.formula_like:
        console.note(
            f"{writer.formula_like:,} rows have a name or an answer that a spreadsheet would take "
            "for a formula"
        )
    _tell_end(console, images=total, failed=failed, save=save)


def _print_documents(console: Console, chunk: Predictions, top: int) -> None:
    for document in answer_documents(chunk, top=top):
        console.json_line(document)


def _lines(chunk: Predictions, top: int) -> Iterator[str]:
    for row in chunk.to_rows(top=top):
        name = printable(row["name"])
        if row["error"]:
            # The message begins with the image's name already.
            what = row["error"]["what"].removeprefix(f"{name}: ")
            yield f"{name}: error {row['error']['code']}: {what}"
            continue
        answer = row["answer"]
        words = ", ".join(answer) or "none" if isinstance(answer, list) else answer
        best = ", ".join(f"{item['label']} {item['probability']:.3f}" for item in row["top"])
        yield f"{name}: {printable(f'{words} ({best})')}"


def _tell_end(console: Console, *, images: int, failed: int, save: Path | None) -> None:
    if failed:
        console.warning(f"{failed:,} of {images:,} images could not be answered.")
    if save is not None and not console.as_json:
        console.line(f"{printable(save)}: {images:,} rows")

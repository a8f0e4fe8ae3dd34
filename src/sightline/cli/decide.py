"""`sightline decide`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sightline.cli.console import Console
from sightline.cli.options import Aim, Coverage, MaxError, Model, Overwrite
from sightline.errors import ConfigError
from sightline.evaluation import wilson
from sightline.files import free_path, printable
from sightline.models.bundle import SUFFIX, Bundle, read_bundle, write_bundle
from sightline.models.deciding import decide as choose
from sightline.models.deciding import held_out_curve, held_out_predictions
from sightline.models.wishes import Wish
from sightline.reporting.rules import rule_lines

_SHOWN = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)


def decide(
    context: typer.Context,
    model: Model,
    *,
    max_error: MaxError = None,
    coverage: Coverage = None,
    aim: Aim = None,
    answer_all: Annotated[
        bool, typer.Option("--answer-all", help="Answer every image, however unsure or strange.")
    ] = False,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where the model with the new rules goes."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Choose when a model says "unsure", and the threshold of a class.

    The model's own answers to validation images that did not choose it decide; no image is
    needed. Without an option, say the rules and what could be promised.
    """
    console: Console = context.obj
    wish = Wish(
        max_error=max_error, coverage=coverage, aims=tuple(aim or ()), answer_all=answer_all
    )
    if bool(wish) != (save is not None):
        raise ConfigError(
            "Rules were asked for, but not where the model is to go."
            if wish
            else "--save without a rule to choose.",
            expected="a rule and --save FILE, or neither",
            fix="for example --max-error 0.02 --save strict.sightline",
            code="bad_wish",
        )
    bundle = read_bundle(model)
    if save is not None:
        save = free_path(save, suffixes=(SUFFIX,), overwrite=overwrite)
        bundle = choose(bundle, wish)
        write_bundle(save, bundle)
    if console.as_json:
        console.document(_document(bundle, save))
        return
    for line in rule_lines(bundle.rules, bundle.classes):
        console.line(line)
    if save is None:
        _tell_curve(console, bundle)
    else:
        _tell_coverage(console, bundle)
        console.line(f"saved {printable(save)}")


def _document(bundle: Bundle, save: Path | None) -> dict[str, object]:
    held_out = bundle.held_out()
    curve = None if held_out is None else held_out_curve(bundle)
    return {
        "schema": "decide",
        "schema_version": "1.0",
        "saved": None if save is None else printable(save),
        "rules": bundle.rules.to_json(),
        "images": 0 if held_out is None else len(held_out.logits),
        "risk_coverage": None if curve is None else curve.to_json(),
    }


def _tell_coverage(console: Console, bundle: Bundle) -> None:
    """Say how many of the images that chose the rules get an answer by them."""
    if bundle.held_out() is None:
        return
    answers = held_out_predictions(bundle)
    given = int((~answers.unsure & ~answers.unlike).sum())
    console.line(f"of the images that chose this, {wilson(given, len(answers))} get an answer")


def _tell_curve(console: Console, bundle: Bundle) -> None:
    """Print the trade between coverage and error on the held-out images."""
    held_out = bundle.held_out()
    curve = None if held_out is None else held_out_curve(bundle)
    if held_out is None or curve is None:
        console.note("No image calibrated this model, so nothing can be promised.")
        return
    n = len(held_out.logits)
    rows = []
    for share in _SHOWN:
        place = min(int(curve.coverage.searchsorted(share - 1e-9)), len(curve.coverage) - 1)
        given = round(float(curve.coverage[place]) * n)
        error = wilson(round(float(curve.risk[place]) * given), given)
        limit = f"{float(curve.unsure_below[place]):.3f}"
        rows.append([f"{curve.coverage[place]:.2f}", *error.figures, str(given), limit])
    console.line()
    console.table(
        ["answered", "wrong of them", "95 % interval", "images", "unsure below"],
        list(dict.fromkeys(map(tuple, rows))),
        right=("answered", "wrong of them", "images", "unsure below"),
    )
    console.line(f"{n} validation images that did not choose the model")

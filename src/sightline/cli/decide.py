"""`sightline decide`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sightline.cli.console import Console
from sightline.cli.options import Aim, Coverage, MaxError, Model, Overwrite
from sightline.errors import ConfigError
from sightline.files import free_path, printable
from sightline.models.bundle import SUFFIX, Bundle, read_bundle, write_bundle
from sightline.models.deciding import Grounds, offers
from sightline.models.deciding import decide as choose
from sightline.models.rules import Rules
from sightline.models.wishes import Wish
from sightline.reporting.rules import rule_lines


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
    given = bundle = read_bundle(model)
    if save is not None:
        save = free_path(save, suffixes=(SUFFIX,), overwrite=overwrite)
        bundle = choose(given, wish)
        write_bundle(save, bundle)
        if not wish.answer_all:
            _tell_ended(console, given.rules, bundle.rules)
    if console.as_json:
        console.document(_document(bundle, save))
        return
    for line in rule_lines(bundle.rules, bundle.classes):
        console.line(line)
    if save is None:
        _tell_offers(console, bundle)
        return
    if bundle.held_out() is not None:
        share = Grounds.of(bundle).coverage(bundle.rules)
        counted = "decisions on images" if bundle.task == "multi_label" else "images"
        console.line(f"of the {counted} that chose this, {share} are answered")
    console.line(f"saved {printable(save)}")


def _tell_ended(console: Console, before: Rules, after: Rules) -> None:
    """Say which promises have ended, because what they were made for has changed."""
    ended = sorted(set(before.promises) - set(after.promises))
    if ended:
        console.note(
            f"No longer promised: {printable(', '.join(ended))}. It was shown for other answers; "
            "ask for both together."
        )


def _document(bundle: Bundle, save: Path | None) -> dict[str, object]:
    held_out = bundle.held_out()
    curve = None if held_out is None else Grounds.of(bundle).curve()
    return {
        "schema": "decide",
        "schema_version": "1.1",
        "saved": None if save is None else printable(save),
        "rules": bundle.rules.to_json(),
        "images": 0 if held_out is None else len(held_out.logits),
        "risk_coverage": None if curve is None else curve.to_json(),
        "offers": [] if held_out is None else [offer.to_json() for offer in offers(bundle)],
    }


def _tell_offers(console: Console, bundle: Bundle) -> None:
    """Say what could be promised of the answers, and how many images would get one."""
    if bundle.held_out() is None:
        console.note("No image calibrated this model, so nothing can be promised.")
        return
    grounds, found = Grounds.of(bundle), offers(bundle)
    rows = [
        [f"{offer.max_error:g}", *offer.coverage.figures, f"--max-error {offer.max_error:g}"]
        for offer in found
        if offer.coverage is not None
    ]
    if rows:
        console.line()
        columns = ["wrong of the answers, at most", "answered", "95 % interval", "ask with"]
        console.table(columns, rows, right=columns[:2])
    missing = [f"{offer.max_error:g}" for offer in found if offer.coverage is None]
    shown = f"shown on {len(grounds.truth)} {grounds.held_out.unit} that did not choose the model"
    console.line(f"{shown}; cannot be: {', '.join(missing)}" if missing else shown)

"""`sightline export`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from sightline.cli.console import Console
from sightline.cli.export_all import export_to_all
from sightline.cli.export_auto import demanded, export_best
from sightline.cli.options import Allow, Model, Overwrite
from sightline.cli.proof import tell_export
from sightline.cli.quiet import without_start_messages
from sightline.cli.reading import read_images
from sightline.errors import ConfigError
from sightline.exporting import ExportFormat, Precision, format_of
from sightline.files import printable
from sightline.models.bundle import read_bundle
from sightline.workflows.export import export as make
from sightline.workflows.export import find_images
from sightline.workflows.replacing import check_place

_AUTO = "auto"


def export(
    context: typer.Context,
    model: Model,
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DATA]", help="What the model was trained from, to prove the export on."
        ),
    ] = None,
    *,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Its suffix decides the format (see formats).", show_default=False
        ),
    ] = None,
    all_to: Annotated[
        Path | None,
        typer.Option(
            "--all",
            metavar="FOLDER",
            help="Instead of --save: every format in every precision, into a folder.",
            show_default=False,
        ),
    ] = None,
    benchmark: Annotated[
        bool, typer.Option("--benchmark", help="With --all: measure them side by side, too.")
    ] = False,
    quantize: Annotated[
        str | None,
        typer.Option(metavar="PRECISION", help="float16, dynamic, int8, or auto to try them all."),
    ] = None,
    max_drop: Annotated[
        float | None,
        typer.Option(
            min=0.0001,
            max=0.5,
            help="With auto: the drop in accuracy to be excluded; 0.01 by default.",
            show_default=False,
        ),
    ] = None,
    prefer: Annotated[
        str | None,
        typer.Option(
            help="With auto: speed (the default) or size decides among those that qualify.",
            show_default=False,
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="The |Δp| allowed, instead of the format's own.", show_default=False
        ),
    ] = None,
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Write it unproven; its card says so.")
    ] = False,
    allow: Allow = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a model for another runtime, proven before it is written.

    The export is run on validation images, known by content, before it is written. Its card and
    its arrays stand beside it, or in it where it is a folder.

    With --quantize auto, validation images select and test images judge. With --all, exports of
    the model that stand in the folder already are kept: a run that was ended goes on.
    """
    console: Console = context.obj
    choosing = {"--max-drop": max_drop, "--prefer": prefer}
    proof = {"--tolerance": tolerance, "--no-verify": no_verify or None}
    if all_to is not None:
        _refuse({"--save": save, "--quantize": quantize, **proof, **choosing}, beside="--all")
        given = _needed(data, model, "--all FOLDER")
        export_to_all(
            console, model, given, all_to, benchmark=benchmark, allow=allow, overwrite=overwrite
        )
    elif save is None or benchmark:
        raise _no_place(model, benchmark=benchmark)
    elif quantize == _AUTO:
        _refuse(proof, beside="auto")
        form, _ = format_of(save, None)
        check_place(save, form, overwrite=overwrite)
        demand = demanded(max_drop, prefer)
        given = _needed(data, model, "--save ...")
        export_best(console, model, given, form, save, demand, allow=allow, overwrite=overwrite)
    else:
        _refuse(choosing, beside="one precision")
        form, precision = format_of(save, quantize)
        check_place(save, form, overwrite=overwrite)
        if not no_verify:
            data = _needed(data, model, "--save ..., or --no-verify")
        bundle = read_bundle(model)
        images = None
        if data is not None:
            images = find_images(bundle, *read_images(console, data, allow), precision)
        console.note(_announcement(form, precision, compared=not no_verify))
        with without_start_messages():
            exported = make(
                bundle, form, precision, images, verify=not no_verify, tolerance=tolerance
            )
        exported.export.write(save)
        tell_export(console, exported, form, save)


def _no_place(model: Path, *, benchmark: bool) -> ConfigError:
    return ConfigError(
        "--benchmark measures what --all writes." if benchmark else "Where to is not said.",
        expected="--save FILE for one export, or --all FOLDER [--benchmark]",
        fix=f"sightline export {printable(model)} DATA --save model.tflite",
        code="bad_option",
    )


_BESIDE: Mapping[str, str] = {
    "--all": "--all writes every format in every precision, by its own limits.",
    "auto": "--quantize auto selects by proof.",
    "one precision": "--max-drop and --prefer choose among candidates, and there is one.",
}


def _refuse(options: Mapping[str, object], *, beside: str) -> None:
    """Refuse options that say nothing, or the opposite, beside another."""
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise ConfigError(
            f"{_BESIDE[beside]} {', '.join(given)} cannot be kept beside that.",
            expected="--quantize auto with them" if beside == "one precision" else "one of them",
            fix=f"leave out {' and '.join(given)}",
            code="bad_option",
        )


def _needed(data: Path | None, model: Path, rest: str) -> Path:
    if data is None:
        raise ConfigError(
            "An export is proven on real images, and none were given.",
            expected="the data that the model was trained from",
            fix=f"sightline export {printable(model)} DATA {rest}",
            code="no_data",
        )
    return data


def _announcement(form: ExportFormat, precision: Precision, *, compared: bool) -> str:
    words = f"Converting to {form.name} in {precision.name}"
    words += ", and comparing ..." if compared else " ..."
    return f"{words} (npm may fetch its runtime first)" if "npm" in form.needs else words

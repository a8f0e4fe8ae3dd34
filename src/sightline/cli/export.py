"""`sightline export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sightline.cli.console import Console
from sightline.cli.options import Allow, Model, Overwrite
from sightline.cli.proof import proof_lines
from sightline.cli.quiet import without_start_messages
from sightline.cli.reading import read_images
from sightline.errors import ConfigError
from sightline.exporting import FORMATS, ExportFormat, Precision, format_of
from sightline.files import free_path, printable
from sightline.models.bundle import read_bundle
from sightline.workflows.export import Exported, check_replaceable, find_images
from sightline.workflows.export import export as make


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
        Path, typer.Option(metavar="FILE", help="Its suffix decides the format (see formats).")
    ],
    quantize: Annotated[
        str | None,
        typer.Option(metavar="PRECISION", help="float16, dynamic or int8; float32 by default."),
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
    its arrays stand beside it.
    """
    console: Console = context.obj
    form, precision = format_of(save, quantize)
    free_path(save, suffixes=(form.suffix,), overwrite=overwrite)
    check_replaceable(save)
    if data is None and not no_verify:
        raise ConfigError(
            "An export is proven on real images, and none were given.",
            expected="the data that the model was trained from",
            fix=f"sightline export {printable(model)} DATA --save ..., or --no-verify",
            code="no_data",
        )
    bundle = read_bundle(model)
    images = None
    if data is not None:
        dataset, contents = read_images(console, data, allow)
        images = find_images(bundle, dataset, contents, precision)
    console.note(f"Converting to {form.name} in {precision.name}, and comparing ...")
    with without_start_messages():
        exported = make(bundle, form, precision, images, verify=not no_verify, tolerance=tolerance)
    exported.export.write(save)
    if console.as_json:
        console.document(_document(exported, form, precision, save))
    else:
        _tell(console, exported, save)


def _document(
    exported: Exported, form: ExportFormat, precision: Precision, path: Path
) -> dict[str, Any]:
    proof = exported.proof
    return {
        "schema": "export",
        "schema_version": "1.0",
        "saved": printable(path),
        "format": form.name,
        "precision": precision.name,
        "bytes": exported.export.size,
        "source_bytes": exported.source_bytes,
        "verification": dict(exported.export.card.verification),
        "comparison": proof and proof.comparison.to_json(),
        "notes": list(exported.notes),
    }


def _tell(console: Console, exported: Exported, path: Path) -> None:
    size, source = exported.export.size / 1e6, exported.source_bytes / 1e6
    console.line(f"saved {printable(path)} ({size:.1f} MB; the twin {source:.1f} MB)")
    for note in exported.notes:
        console.note(note)
    if exported.proof is None:
        console.warning("Not proven: --no-verify.")
        return
    for line in proof_lines(exported.proof):
        console.line(line)


def formats(context: typer.Context) -> None:
    """List the formats of exports, and how far each may differ."""
    console: Console = context.obj
    if console.as_json:
        console.document(
            {
                "schema": "formats",
                "schema_version": "1.0",
                "formats": [
                    {
                        "name": form.name,
                        "suffix": form.suffix,
                        "runtime": form.runtime,
                        "accepts": form.accepts,
                        "needs": form.needs,
                        "precisions": [
                            {
                                "name": one.name,
                                "tolerance": one.allowed.difference,
                                "relative_tolerance": one.allowed.relative,
                                "least_agreement": one.allowed.agreement,
                                "reason": one.reason,
                            }
                            for one in form.precisions.values()
                        ],
                    }
                    for form in FORMATS.values()
                ],
            }
        )
        return
    columns = ["format", "suffix", "precision", "|Δp| up to", "same answers", "because"]
    rows = [
        [
            form.name,
            form.suffix,
            one.name,
            f"{one.allowed.difference:g}",
            f"{one.allowed.agreement:g}",
            one.reason,
        ]
        for form in FORMATS.values()
        for one in form.precisions.values()
    ]
    console.table(columns, rows, right=columns[3:5])

"""`sightline export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sightline.cli.console import Console
from sightline.cli.options import Allow, Model, Overwrite
from sightline.cli.quiet import without_start_messages
from sightline.cli.reading import read_images
from sightline.errors import ConfigError
from sightline.exporting import FORMATS, ExportFormat, Precision, format_of
from sightline.files import free_path, printable
from sightline.models.bundle import read_bundle
from sightline.reporting.comparison import verdict_line
from sightline.workflows.export import Exported, find_images
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
        exported = make(bundle, form, precision, None if no_verify else images)
    exported.export.write(save)
    if console.as_json:
        console.document(_document(exported, form, precision, save))
    else:
        _tell(console, exported, save)


def _document(
    exported: Exported, form: ExportFormat, precision: Precision, path: Path
) -> dict[str, Any]:
    comparison = exported.comparison
    return {
        "schema": "export",
        "schema_version": "1.0",
        "saved": printable(path),
        "format": form.name,
        "precision": precision.name,
        "bytes": len(exported.export.content),
        "source_bytes": exported.source_bytes,
        "verification": dict(exported.export.card.verification),
        "comparison": None if comparison is None else comparison.to_json(),
    }


def _tell(console: Console, exported: Exported, path: Path) -> None:
    size, source = len(exported.export.content) / 1e6, exported.source_bytes / 1e6
    console.line(f"saved {printable(path)} ({size:.1f} MB; the twin {source:.1f} MB)")
    found, comparison = exported.export.verification, exported.comparison
    if found is None or comparison is None:
        console.warning("Not proven: --no-verify.")
        return
    console.line(
        f"on {found.n} validation images: |Δp| up to {found.max_difference:.2g}, mean "
        f"{found.mean_difference:.2g}; the same answer for {found.agreement:.3f} of them"
    )
    console.line(
        f"accuracy {comparison.before} before, {comparison.after} now. {verdict_line(comparison)}"
    )


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

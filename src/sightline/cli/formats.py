"""`sightline formats`."""

from __future__ import annotations

import typer

from sightline.cli.console import Console
from sightline.exporting import FORMATS


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

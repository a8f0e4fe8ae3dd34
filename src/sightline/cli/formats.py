"""`sightline formats`."""

from __future__ import annotations

from dataclasses import asdict

import typer

from sightline.cli.console import Console
from sightline.exporting import FORMATS
from sightline.verification import FilesTolerance, Tolerance


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
                        "files": form.reading and asdict(form.reading),
                        "precisions": [
                            {
                                "name": one.name,
                                "tolerance": one.allowed.difference,
                                "relative_tolerance": one.allowed.relative,
                                "least_agreement": one.allowed.agreement,
                                "mean_tolerance": one.allowed.mean,
                                "spread_tolerance": one.allowed.spread,
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
    for form in FORMATS.values():
        console.line(f"{form.suffix} ({form.name}): {', '.join(form.precisions)}")
        console.line(f"    runs in {form.runtime}")
        console.line(f"    takes {form.accepts}")
        console.line(f"    needs {form.needs}")
    console.line()
    columns = ["precision", "|Δp|", "mean", "spread", "same answers", "because"]
    # Formats share what a precision may differ by.
    each = {one.name: one for form in FORMATS.values() for one in form.precisions.values()}
    rows = [[name, *_bounds(one.allowed), one.reason] for name, one in each.items()]
    console.table(columns, rows, right=columns[1:5])
    console.line()
    columns = ["files read by", "levels", "mean", "|Δp|", "same answers", "because"]
    readers = [
        [form.name, *_limits(form.reading)] for form in FORMATS.values() if form.reading is not None
    ]
    console.table(columns, readers, right=columns[1:5])


def _bounds(allowed: Tolerance) -> list[str]:
    spread = "" if allowed.spread is None else f"{allowed.spread:g}"
    figures = (allowed.difference, min(allowed.difference, allowed.mean))
    return [*(f"{figure:g}" for figure in figures), spread, f"{allowed.agreement:g}"]


def _limits(allowed: FilesTolerance) -> list[str]:
    figures = (allowed.levels, allowed.mean_levels, allowed.difference, allowed.agreement)
    return [*(f"{figure:g}" for figure in figures), allowed.reason]

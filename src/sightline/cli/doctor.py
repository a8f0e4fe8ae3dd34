"""`sightline doctor`."""

from __future__ import annotations

from itertools import groupby
from typing import Annotated

import typer
from rich.text import Text

from sightline.cli.console import Console, safe
from sightline.errors import MachineError
from sightline.workflows.doctor import Diagnosis, diagnose

_STYLES = {"ok": "green", "absent": "dim", "warning": "yellow", "broken": "bold red"}


def doctor(
    context: typer.Context,
    *,
    deep: Annotated[
        bool,
        typer.Option(
            "--deep", help="Also import every package, and look for GPUs (half a minute)."
        ),
    ] = False,
) -> None:
    """Say what is installed, what is missing and what to do.

    Ends with exit code 5 when something that Sightline cannot do without is broken.
    """
    console: Console = context.obj
    if deep:
        with console.progress("Importing packages") as progress:
            diagnosis = diagnose(deep=True, progress=progress)
    else:
        diagnosis = diagnose()
    if console.as_json:
        console.document(diagnosis.to_json())
    else:
        _show(console, diagnosis)
    if diagnosis.broken:
        raise MachineError(
            "Broken: " + "; ".join(f"{item.name}: {item.found}" for item in diagnosis.broken) + ".",
            fix="; ".join(item.fix for item in diagnosis.broken if item.fix),
            code="broken_installation",
        )


def _show(console: Console, diagnosis: Diagnosis) -> None:
    for topic, items in groupby(diagnosis.items, key=lambda item: item.topic):
        console.line(topic.capitalize(), style="bold")
        console.table(
            ["", "", ""],
            [
                (Text(item.status, style=_STYLES[item.status]), item.name, item.found)
                for item in items
            ],
        )
    fixes = [(item.name, item.fix) for item in diagnosis.items if item.fix]
    if fixes:
        console.line("What to do", style="bold")
    for name, fix in fixes:
        console.line(f"  {safe(name)}: {fix}")
    if not diagnosis.broken:
        console.line("Nothing that is required is broken.")

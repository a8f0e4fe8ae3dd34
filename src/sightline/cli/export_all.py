"""`sightline export --all`: every format in every precision, and what they are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sightline.cli.benchmark import document, measured, raise_failures, tell
from sightline.cli.console import Console
from sightline.cli.quiet import without_start_messages
from sightline.cli.reading import read_images
from sightline.errors import CheckFailedError
from sightline.files import printable
from sightline.models.bundle import Bundle, read_bundle
from sightline.reporting.columns import limits, share
from sightline.workflows.benchmark import Benchmark, describe_machine
from sightline.workflows.exporting import (
    WAYS,
    Made,
    Standing,
    check_folder,
    export_all,
    images_for_all,
)


def export_to_all(
    console: Console,
    model: Path,
    data: Path,
    folder: Path,
    *,
    benchmark: bool,
    allow: list[str] | None,
    overwrite: bool,
) -> None:
    """Write a model in every format, tell what the proofs found, and measure them side by side."""
    here = describe_machine()  # before its own work: that is over when it measures
    bundle = read_bundle(model)
    check_folder(folder, model.stem, bundle, overwrite=overwrite)
    read = read_images(console, data, allow)
    made = _make(console, model, bundle, read, folder, overwrite=overwrite)
    found = None
    if not console.as_json:
        console.line(f"in {printable(folder)}, as {printable(model.stem)}-...:")
        _tell(console, made)
    if benchmark:
        paths = [model, *(one.path for one in made if one.standing is not None)]
        found = measured(console, paths, read, here=here, on="validation", trust=True)
    if console.as_json:
        console.document(_document(made, found, data))
    elif found is not None:
        console.line()
        tell(console, found)
    _raise_refused(made)
    if found is not None:
        raise_failures(found)


def _make(
    console: Console, model: Path, bundle: Bundle, read: Any, folder: Path, *, overwrite: bool
) -> tuple[Made, ...]:
    found = []
    with without_start_messages(), console.progress("Exporting") as progress:
        progress(0, len(WAYS))
        images = images_for_all(bundle, *read)
        for one in export_all(bundle, images, folder, model.stem, overwrite=overwrite):
            found.append(one)
            progress(len(found), len(WAYS))
    return tuple(found)


def _document(made: tuple[Made, ...], found: Benchmark | None, data: Path) -> dict[str, Any]:
    return {
        "schema": "exports",
        "schema_version": "1.0",
        "exports": [_line_json(one) for one in made],
        "benchmark": found and document(found, data),
    }


def _line_json(one: Made) -> dict[str, Any]:
    standing, refused = one.standing, one.refused
    return {
        "path": printable(one.path),
        "format": one.form.name,
        "precision": one.precision.name,
        "bytes": standing and standing.size,
        "verification": dict(standing.card.verification) if standing else {},
        "kept": one.kept,
        "notes": list(one.notes),
        "refused": refused and {"what": refused.what, "fix": refused.fix, "code": refused.code},
    }


def _tell(console: Console, made: tuple[Made, ...]) -> None:
    columns = ["export", "MB", "|Δp|", "same", "accuracy", "less the model's"]
    rows = [_row(one, one.standing) for one in made if one.standing is not None]
    console.table(columns, rows, right=columns[1:5])
    for one in made:
        for note in one.notes:
            console.note(f"{_short(one)}: {note}")
        if one.refused is not None:
            console.line(f"no {_short(one)}: {one.refused.what}")
            console.line(f"    {one.refused.fix or ''}".rstrip())
    kept = sum(one.kept for one in made)
    if kept:
        console.note(f"{kept} of them stood there already, proven, and were kept.")


def _short(one: Made) -> str:
    """Return how the name ends: it begins with the model's in all of them."""
    return f"{one.precision.name}{one.form.suffix}"


def _row(one: Made, standing: Standing) -> list[str]:
    figures = standing.figures
    return [
        _short(one),
        f"{standing.size / 1e6:.2f}",
        f"{figures.difference:.1g}",
        f"{figures.agreement:.3f}",
        share(figures.accuracy),
        " to ".join(limits(figures.gain)),
    ]


def _raise_refused(made: tuple[Made, ...]) -> None:
    refused = [one for one in made if one.failed]
    if refused:
        raise CheckFailedError(
            f"{len(refused)} of {len(made)} were refused: {', '.join(map(_short, refused))}.",
            expected="exports that agree with the model",
            fix="take another format or precision; those above that are named are written",
            code="export_disagrees",
        )

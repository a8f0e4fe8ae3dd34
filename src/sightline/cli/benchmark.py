"""`sightline benchmark`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from sightline.cli.console import Console
from sightline.cli.options import Allow, Overwrite, Trust
from sightline.cli.reading import read_images
from sightline.dataset import Content, Dataset
from sightline.errors import ConfigError, ModelError, SightlineError
from sightline.files import free_path, printable
from sightline.reporting.columns import interval, limits
from sightline.reporting.pareto import Point, save_pareto
from sightline.workflows.artefacts import Artefact, expand, select_images
from sightline.workflows.benchmark import (
    Advice,
    Benchmark,
    Line,
    describe_machine,
    read_artefacts,
)
from sightline.workflows.benchmark import benchmark as measure
from sightline.workflows.looks import Looks, record_look
from sightline.workflows.rounds import BATCHES

_SECONDS = 60.0


def benchmark(
    context: typer.Context,
    models: Annotated[
        list[Path],
        typer.Argument(metavar="MODELS...", help=".sightline files, exports, folders of exports."),
    ],
    *,
    data: Annotated[
        Path | None, typer.Option(metavar="DATA", help="Labelled images, for the accuracies.")
    ] = None,
    on: Annotated[
        str, typer.Option(help="Which of them: test or validation, as on record, or new.")
    ] = "validation",
    seconds: Annotated[
        float, typer.Option(min=0.1, help="For the timing of all models.")
    ] = _SECONDS,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Latency against accuracy, as a .png.")
    ] = None,
    trust: Trust = False,
    allow: Allow = None,
    overwrite: Overwrite = False,
) -> None:
    """Is it faster? Models and exports side by side, in one run.

    Each runs in a process of its own, in turn with the others.
    """
    console: Console = context.obj
    here = describe_machine()
    if plot is not None:
        free_path(plot, suffixes=(".png",), overwrite=overwrite)
        if data is None:
            raise ConfigError(
                "The picture shows accuracies, and no images were given.",
                expected="labelled images",
                fix="add --data DATA",
                code="no_data",
            )
    paths = expand(models)
    read = None if data is None else read_images(console, data, allow)
    found = measured(console, paths, read, here=here, on=on, seconds=seconds, trust=trust)
    if plot is not None:
        _plot(found, plot)
    if console.as_json:
        console.document(document(found, data))
    else:
        tell(console, found)
    raise_failures(found)


def measured(
    console: Console,
    paths: Sequence[Path],
    read: tuple[Dataset, tuple[Content, ...]] | None,
    *,
    here: Mapping[str, Any],
    on: str,
    seconds: float = _SECONDS,
    trust: bool = False,
) -> Benchmark:
    """Measure models and exports side by side, and say on the way what has to be known.

    Args:
        console: Where it is said.
        paths: Of them; the first leads.
        read: Labelled images; without them nothing is said of accuracy.
        here: The machine, before the work began.
        on: Which of the images: `"test"` or `"validation"`, as on record, or `"new"`.
        seconds: For the timing of all of them.
        trust: Run exports that are programs.
    """
    lines = read_artefacts(paths)
    missing = [line.error for line in lines if line.error and line.error.code == "no_such_model"]
    if missing:  # a mistyped name: better told before than after a minute of timing
        raise missing[0]
    artefacts = [line.artefact for line in lines if line.artefact is not None]
    selection = select_images(artefacts, *read, on=on) if read is not None and artefacts else None
    if here["busy"]:
        console.warning(
            f"Something else keeps the machine busy (load {here['load']:.1f} on "
            f"{here['cores']:g} cores): ratios hold better than figures."
        )
    with console.progress("Measuring in turn") as progress:
        found = measure(
            lines, selection, seconds=seconds, here=here, trust=trust, progress=progress
        )
    for look in _looks(found, artefacts):
        for note in look.notes():
            console.note(note)
    failed = max((line.comparison.failed for line in found.lines if line.comparison), default=0)
    if failed:
        console.note(f"{failed:,} images cannot be decoded and are in no figure")
    return found


def _looks(found: Benchmark, artefacts: Sequence[Artefact]) -> list[Looks]:
    """Write down that test images were looked at, once for each bundle."""
    looks = []
    for one in artefacts:
        seen = [
            line.comparison.after.value
            for line in found.lines
            if line.comparison and line.artefact and line.artefact.source == one.source
        ]
        if one.bundle is None or found.selection is None or not seen:
            continue
        look = record_look(
            one.path,
            one.bundle,
            command="benchmark",
            part=found.selection.on,
            images=found.selection.digests,
            accuracy=seen[0],
        )
        looks += [look] if look is not None else []
    return looks


def _plot(found: Benchmark, path: Path) -> None:
    points = [
        Point(
            name=line.name,
            latency=line.speed.p50,
            accuracy=line.comparison.after,
            size=line.artefact.size,
        )
        for line in found.lines
        if line.speed and line.comparison and line.artefact
    ]
    on = found.selection.on if found.selection else ""
    n = len(found.selection.rows) if found.selection else 0
    save_pareto(points, path, title=f"{found.machine['processor']}; {n:,} {on} images")


def document(found: Benchmark, data: Path | None) -> dict[str, Any]:
    """Return what was measured as JSON (`reporting/schemas/benchmark.json`)."""
    return {
        "schema": "benchmark",
        "schema_version": "1.0",
        "machine": dict(found.machine),
        "data": None if data is None else printable(data),
        "selection": found.selection and found.selection.to_json(),
        "models": [_line_json(line) for line in found.lines],
        "advice": {
            what: {"model": one.name, "not_shown": list(one.unproven)}
            for what, one in found.advice().items()
        },
    }


def _line_json(line: Line) -> dict[str, Any]:
    measured, compared = line.measured, line.comparison
    return {
        "model": line.name,
        "error": line.error and {"what": line.error.what, "code": line.error.code},
        "bytes": line.artefact and line.artefact.size,
        "cold_start_seconds": sorted(measured.starts) if measured else None,
        "speeds": [speed.to_json() for speed in measured.speeds] if measured else [],
        "peak_bytes": measured and measured.peak_bytes,
        "versions": dict(measured.versions) if measured else {},
        "accuracy": compared and compared.after.to_json(),
        "difference": compared and compared.gain.to_json(),
        "within_a_point": line.within if compared else None,
        "agreement": line.agreement,
        "failed": compared and compared.failed,
    }


def tell(console: Console, found: Benchmark) -> None:
    """Print the machine, the table, and what is recommended."""
    here = found.machine
    able = f" ({', '.join(here['instructions'])})" if here["instructions"] else ""
    console.line(f"{here['processor']}{able}, {here['cores']:g} cores, load {here['load']:.1f}")
    console.line(f"Python {here['python']}, Sightline {here['sightline']}, {here['system']}")
    versions = {
        f"{name} {version}"
        for line in found.lines
        if line.measured
        for name, version in line.measured.versions.items()
    }
    console.line(", ".join(sorted(versions)))
    console.line()
    _tell_speed(console, found)
    if found.selection is not None:
        console.line()
        _tell_answers(console, found)
    for line in found.lines:
        if line.error is not None:
            console.line(f"{line.name}: {line.error.what}")


def _tell_speed(console: Console, found: Benchmark) -> None:
    batches = [f"by {batch}" for batch in BATCHES[1:]]
    columns = ["model", "MB", "start", "peak", "thr.", "p50", "p95", *batches]
    rows = []
    for line in found.lines:
        size = f"{line.artefact.size / 1e6:.1f}" if line.artefact else "-"
        if line.measured is None:
            rows.append([_short(line, found), size, *["-"] * (len(columns) - 3), "failed"])
            continue
        start = sorted(line.measured.starts)[len(line.measured.starts) // 2]
        head = [_short(line, found), size, f"{start:.2f}", f"{line.measured.peak_bytes / 1e6:.0f}"]
        for speed in line.measured.speeds:
            rates = [f"{speed.throughput[batch]:.0f}" for batch in BATCHES[1:]]
            rows.append([*head, str(speed.threads), f"{speed.p50:.2f}", f"{speed.p95:.2f}", *rates])
            head = [""] * len(head)
    console.table(columns, rows, right=columns[1:])
    groups = " and ".join(batches)
    console.line(f"start in s, peak in MB, by threads: p50 and p95 in ms, images/s {groups}")


def _tell_answers(console: Console, found: Benchmark) -> None:
    columns = ["model", "accuracy", "less the first's", "within 1 pt", "same"]
    rows = [
        [
            _short(line, found),
            interval(line.comparison.after),
            "" if line is found.lines[0] else " to ".join(limits(line.comparison.gain)),
            "" if line is found.lines[0] else line.within.replace("_", " "),
            "-" if line.agreement is None else f"{line.agreement:.3f}",
        ]
        for line in found.lines
        if line.comparison is not None
    ]
    console.table(columns, rows)
    n = max((line.comparison.n for line in found.lines if line.comparison), default=0)
    console.line(f"on {n:,} images; same: share of answers that are the first's")
    for what, one in found.advice().items():
        console.line(_advice_line(what, one))


def _short(line: Line, found: Benchmark) -> str:
    """Return a name for the tables: `-int8.onnx` for `m-int8.onnx` that stands beside `m`."""
    stem = Path(found.lines[0].name).stem
    return line.name.removeprefix(stem) if line.name.startswith(f"{stem}-") else line.name


def _advice_line(what: str, one: Advice) -> str:
    line = f"{what.capitalize()} within 1 point: {one.name}"
    if one.unproven:
        word = {"fastest": "faster", "smallest": "smaller"}[what]
        line += f" ({word}, but not shown to be within: {', '.join(one.unproven)})"
    return line


def raise_failures(found: Benchmark) -> None:
    """End with an error where something could not be measured.

    Raises:
        ModelError: That, and what.
    """
    failed: list[tuple[str, SightlineError]] = [
        (line.name, line.error) for line in found.lines if line.error is not None
    ]
    if failed:
        raise ModelError(
            f"{len(failed)} of {len(found.lines)} could not be measured: "
            f"{', '.join(name for name, _ in failed)}.",
            expected="models and exports that run",
            fix=failed[0][1].fix,
            code="not_measured",
        )

"""`benchmark`: is it faster? Several models, and exports of them, side by side in one run.

Figures of speed belong to the machine and the hour: what holds elsewhere is their ratio, so all
are measured in turn, and the machine is described. A model that cannot be run is a row with its
error, and the others go on.
"""

from __future__ import annotations

import os
import platform
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sightline import __version__, machine
from sightline.dataset import Row
from sightline.errors import ImageError, SightlineError
from sightline.evaluation import Comparison, check_same_classes, compare
from sightline.evaluation.changes import with_columns
from sightline.evaluation.noninferiority import Turned
from sightline.files import printable, write_error
from sightline.images import Preprocessing, load
from sightline.predictions import Predictions
from sightline.workflows.artefacts import Artefact, read_artefact
from sightline.workflows.evaluate import Selection
from sightline.workflows.measuring import MOST_IMAGES
from sightline.workflows.rounds import Job, Measured, Rounds, Speed

POINT = 0.01
"""How much less accurate than the first a model may be to be recommended."""
_BUSY = 0.5
"""Processes that want to run, on average over a minute, from which on the machine is busy."""

_INSTRUCTIONS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8", "asimd", "asimddp")
"""Of the processor's, those that decide how fast networks of 32 and of 8 bits are."""

Progress = Callable[[int, int], None]
Shown = Literal["yes", "no", "not_shown"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Line:
    """What is known of one artefact.

    Attributes:
        name: As in `Artefact`.
        artefact: `None` where it cannot be read.
        measured: `None` where it could not be run.
        error: Why not.
        comparison: With the first, on the same images; `None` without images or without the first.
        agreement: The share of images that it answers as the first does.
    """

    name: str
    artefact: Artefact | None = None
    measured: Measured | None = None
    error: SightlineError | None = None
    comparison: Comparison | None = None
    agreement: float | None = None

    @property
    def speed(self) -> Speed | None:
        """With the most threads."""
        return None if self.measured is None else self.measured.speeds[-1]

    @property
    def within(self) -> Shown:
        """Whether it is within a point of the first's accuracy, as far as the images can show."""
        if self.comparison is None:
            return "not_shown"
        return within_point(self.comparison)


@dataclass(frozen=True, kw_only=True)
class Advice:
    """What to take.

    Attributes:
        name: The best of those shown to be within a point of the first.
        unproven: Better still, but not shown to be within it, the best first.
    """

    name: str
    unproven: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Benchmark:
    """The table.

    Attributes:
        lines: In the order given.
        machine: Where it was measured.
        selection: The images that accuracy is of; `None` where none were given.
    """

    lines: tuple[Line, ...]
    machine: Mapping[str, Any]
    selection: Selection | None

    def advice(self) -> dict[str, Advice]:
        """Return the fastest and the smallest within a point; nothing without accuracies."""
        known = [line for line in self.lines if line.comparison is not None]
        if not known:
            return {}
        speeds = {line.name: line.speed.p50 for line in known if line.speed is not None}
        sizes = {line.name: float(line.artefact.size) for line in known if line.artefact}
        return {
            "fastest": advise(speeds, {line.name: line.within for line in known}),
            "smallest": advise(sizes, {line.name: line.within for line in known}),
        }


def within_point(comparison: Comparison) -> Shown:
    """Return whether the second is at most a point less accurate than the first.

    The largest drop that the answers cannot exclude decides, as in `export --quantize auto`.
    """
    if Turned.of(comparison).limit() <= POINT:
        return "yes"
    return "no" if comparison.gain.high < -POINT else "not_shown"


def advise(costs: Mapping[str, float], within: Mapping[str, Shown]) -> Advice:
    """Return what costs least of what may be taken.

    Args:
        costs: Of each, the first one's first: the first is always within a point of itself.
        within: Whether each is shown to be within a point of the first.
    """
    first = next(iter(costs))
    shown = [name for name in costs if name == first or within[name] == "yes"]
    best = min(shown, key=lambda name: costs[name])
    unproven = [
        name
        for name in sorted(costs, key=lambda name: costs[name])
        if name not in shown and within[name] == "not_shown" and costs[name] < costs[best]
    ]
    return Advice(name=best, unproven=tuple(unproven))


def read_artefacts(paths: Sequence[Path]) -> tuple[Line, ...]:
    """Return a line for each path: what it is, or why it cannot be used.

    Raises:
        DataError: Two of them do not tell the same classes apart.
    """
    short = [path.name for path in paths]
    alone = len(set(short)) == len(short)
    lines = [
        _read(path, printable(name if alone else path))
        for path, name in zip(paths, short, strict=True)
    ]
    read = [line.artefact for line in lines if line.artefact is not None]
    for other in read[1:]:
        check_same_classes(read[0], other)
    return tuple(lines)


def benchmark(
    lines: Sequence[Line],
    selection: Selection | None,
    *,
    seconds: float,
    here: Mapping[str, Any],
    trust: bool = False,
    progress: Progress | None = None,
) -> Benchmark:
    """Measure what was read.

    Args:
        lines: Of `read_artefacts`.
        selection: Of `select_images`; without it nothing is said of accuracy.
        seconds: For the timing of all of them.
        here: The machine, of `describe_machine`, before the work began.
        trust: Run exports that are programs (`inference.exported.open_export`).
        progress: Told (done, total).
    """
    places = [place for place, line in enumerate(lines) if line.artefact is not None]
    artefacts = [line.artefact for line in lines if line.artefact is not None]
    rows = selection.rows if selection is not None else ()
    with tempfile.TemporaryDirectory(prefix="sightline-") as folder:
        files, errors = _pixel_files(artefacts, rows, Path(folder))
        jobs = [
            Job(path=one.path, pixels=files[one.preprocessing], predict=len(rows), trust=trust)
            for one in artefacts
        ]
        threads = [count for count in (1, 2) if count <= machine.threads()]
        rounds = Rounds(jobs, threads=threads, seconds=seconds, progress=progress)
        measured = rounds.measure()
    found = list(lines)
    for job, place in enumerate(places):
        found[place] = Line(
            name=lines[place].name,
            artefact=artefacts[job],
            measured=measured.get(job),
            error=rounds.errors.get(job),
        )
    return Benchmark(
        lines=tuple(_judged(found, rows, errors)),
        machine=here,
        selection=selection,
    )


def describe_machine() -> dict[str, Any]:
    """Return what figures of speed depend on, and whether something else keeps it busy."""
    processor = machine.read_system("/proc/cpuinfo")
    model = re.search(r"^model name\s*:\s*(.+)$", processor, re.M)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", processor, re.M)
    known = set(flags[1].split()) if flags else set()
    load = os.getloadavg()[0]
    memory = machine.memory()
    return {
        "processor": model[1].strip() if model else platform.processor() or platform.machine(),
        "instructions": [name for name in _INSTRUCTIONS if name in known],
        "cores": machine.cores(),
        "memory_bytes": memory and memory.total,
        "system": platform.platform(),
        "python": platform.python_version(),
        "sightline": __version__,
        "load": load,
        "busy": load > _BUSY,
    }


def _read(path: Path, name: str) -> Line:
    try:
        return Line(name=name, artefact=read_artefact(path, name))
    except SightlineError as error:
        return Line(name=name, error=error)


def _pixel_files(
    artefacts: Sequence[Artefact], rows: Sequence[Row], folder: Path
) -> tuple[dict[Preprocessing, Path], dict[int, SightlineError]]:
    """Write what the models are asked, once for each way of making pixels.

    Returns:
        The files, and why rows could not be decoded: these are black, and judged by nobody.
    """
    files: dict[Preprocessing, Path] = {}
    errors: dict[int, SightlineError] = {}
    for one in artefacts:
        how = one.preprocessing
        if how in files:
            continue
        files[how] = folder / f"{len(files)}.npy"
        shape = (len(rows) or MOST_IMAGES, how.height, how.width, how.channels)
        pixels = np.lib.format.open_memmap(files[how], mode="w+", dtype=np.uint8, shape=shape)
        _reserve(files[how])
        if rows:
            for place, row in enumerate(rows):
                try:
                    pixels[place] = load(row.source, how).pixels
                except ImageError as error:
                    errors[place] = error
        else:
            pixels[:] = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        pixels.flush()
    return files, errors


def _reserve(path: Path) -> None:
    """Take the room on the disk that a file has in name: a full disk would else end the process.

    Raises:
        MachineError: There is not as much.
    """
    if not hasattr(os, "posix_fallocate"):  # macOS
        return
    try:
        with path.open("r+b") as stream:
            os.posix_fallocate(stream.fileno(), 0, path.stat().st_size)
    except OSError as error:
        raise write_error(path, error) from error


def _judged(
    lines: Sequence[Line], rows: Sequence[Row], errors: Mapping[int, SightlineError]
) -> Iterator[Line]:
    """Yield the lines with what the images say of their answers."""
    names, labels = [row.name for row in rows], [row.labels for row in rows]
    said, lines = [], list(lines)
    for place, line in enumerate(lines):
        try:
            said.append(_predictions(line, names, errors))
        except SightlineError as error:
            said.append(None)
            lines[place] = replace(line, error=error)
    first = said[0] if said else None
    for line, own in zip(lines, said, strict=True):
        if first is None or own is None or not first.ok.any():
            yield line
            continue
        same = (first.chosen == with_columns(own, first.classes)).all(axis=1)[first.ok]
        yield Line(
            name=line.name,
            artefact=line.artefact,
            measured=line.measured,
            error=line.error,
            comparison=compare(first, own, labels, groups=[row.group for row in rows]),
            agreement=float(same.mean()),
        )


def _predictions(
    line: Line, names: Sequence[str], errors: Mapping[int, SightlineError]
) -> Predictions | None:
    if line.artefact is None or line.measured is None or line.measured.answers is None:
        return None
    return line.artefact.predictions(names, line.measured.answers[0], errors)

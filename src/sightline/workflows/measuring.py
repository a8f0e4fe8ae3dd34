"""One model in a process of its own, asked to run by lines on standard input.

Start-up, memory and threads are then the model's alone, and a runtime that crashes takes nobody
with it. The process waits in a read, so that it takes no time from the one that is measured, and
ends when its standard input does, however its parent ended.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from sightline.errors import SightlineError
from sightline.inference import LiteRTRunner, Runner
from sightline.inference.card import is_export
from sightline.inference.exported import open_export
from sightline.machine import read_system
from sightline.models.bundle import read_bundle

MOST_IMAGES = 32
"""Different images that a run is timed on."""


def open_artefact(path: Path, *, threads: int, trust: bool) -> Runner:
    """Return what runs a bundle or an export with so many threads.

    Raises:
        ModelError: It cannot be used.
        MissingPackageError: Its runtime is not installed.
    """
    if is_export(path):
        return open_export(path, threads=threads, trust=trust)
    return LiteRTRunner(read_bundle(path), threads=threads)


def serve(path: str, pixels: str, threads: str, trust: str) -> None:
    """Open a model, answer once, then do what each line asks; the life of the process.

    Args:
        path: Of the model.
        pixels: Of an .npy file, uint8 (n, height, width, channels).
        threads: Of the runtime.
        trust: "True" where an export that is a program may be run.
    """
    answers = _own_output()
    try:
        served = _Served(Path(path), Path(pixels), int(threads), trust=trust == "True")
        _say(answers, {})
        for line in sys.stdin:
            question = json.loads(line)
            _say(answers, served.answer(question))
    except SightlineError as error:
        words = {"what": error.what, "expected": error.expected, "fix": error.fix}
        _say(answers, {"error": {**words, "code": error.code}})
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        _say(answers, {"error": {"what": what, "code": "cannot_run"}})


class _Served:
    def __init__(self, path: Path, pixels: Path, threads: int, *, trust: bool) -> None:
        self._runner = open_artefact(path, threads=threads, trust=trust)
        self._all: np.ndarray = np.load(pixels, mmap_mode="r")
        # A copy: a page that is read from the disk while the clock runs would be timed.
        self._few = np.array(self._all[:MOST_IMAGES])
        self._at = 0
        self._runner.run(self._few[:1])

    def answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        if question["do"] == "time":
            return self._time(int(question["batch"]), float(question["seconds"]))
        if question["do"] == "predict":
            rows = np.array(self._all[question["start"] : question["stop"]])
            outputs = self._runner.run(rows)
            return {
                "probabilities": outputs.probabilities.tolist(),
                "logits": outputs.logits.tolist(),
            }
        return {"peak_bytes": peak_bytes(), "versions": loaded_versions()}

    def _time(self, batch: int, seconds: float) -> dict[str, Any]:
        """Run batches until the time is up, at least one; nanoseconds of each."""
        times: list[int] = []
        until = time.perf_counter_ns() + int(seconds * 1e9)
        while not times or time.perf_counter_ns() < until:
            rows = np.arange(self._at, self._at + batch) % len(self._few)
            pixels = self._few[rows]
            self._at += batch
            began = time.perf_counter_ns()
            self._runner.run(pixels)
            times.append(time.perf_counter_ns() - began)
        return {"times": times}


def peak_bytes() -> int:
    """Return the most memory that this process has had resident, and those that it started.

    Of several, each one's own peak counts, whenever that was.
    """
    # The system's own peak: that of `getrusage` begins with the parent's, before the program
    # was replaced.
    own = _peak_of("self")
    if own:
        return own + sum(map(_peak_of, _children()))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _peak_of(process: str) -> int:
    found = re.search(r"^VmHWM:\s+(\d+) kB$", read_system(f"/proc/{process}/status"), re.M)
    return int(found[1]) * 1024 if found else 0


def _children() -> list[str]:
    threads = Path("/proc/self/task").glob("*/children")
    return [number for path in threads for number in read_system(str(path)).split()]


def loaded_versions() -> dict[str, str]:
    """Return the versions of the packages that Sightline names and this process has loaded."""
    try:
        named = metadata.requires("sightline") or []
    except metadata.PackageNotFoundError:
        named = []
    names = {_plain(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in named}
    loaded = {module.partition(".")[0] for module in sys.modules}
    found = {
        distribution
        for module, distributions in metadata.packages_distributions().items()
        if module in loaded
        for distribution in distributions
        if not names or _plain(distribution) in names
    }
    return {name: metadata.version(name) for name in sorted(found)}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _own_output() -> TextIO:
    """Return standard output, kept from native code that writes there too."""
    own = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return own


def _say(answers: TextIO, value: Mapping[str, Any]) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()

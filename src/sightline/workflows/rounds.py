"""Several models timed in turn, in small rounds, so that what disturbs one disturbs all.

Each model runs in a child process (`workflows.measuring`). One number of threads after the other:
only the models of one are in memory at once.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from sightline.errors import ModelError
from sightline.files import printable

BATCHES = (1, 8, 32)
ROUNDS = 7
"""Of timing, after one that is thrown away."""
STARTS = 3
"""Fresh processes, whose median is the cold start."""
_CHUNK = 32
_CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from sightline.workflows.measuring import serve; serve(*sys.argv[2:])"
)


@dataclass(frozen=True, kw_only=True)
class Speed:
    """How fast a model is with so many threads: medians over rounds.

    Attributes:
        threads: Of the runtime.
        p50: Milliseconds for one image: the median.
        p95: Milliseconds within which 95 % of the answers came.
        throughput: Images in a second, by size of the batch.
        runs: Of one image, in all rounds.
    """

    threads: int
    p50: float
    p95: float
    throughput: Mapping[int, float]
    runs: int

    @classmethod
    def of(cls, threads: int, times: Mapping[int, Sequence[Sequence[int]]]) -> Speed:
        """Return what rounds of runs say.

        Args:
            threads: Of the runtime.
            times: Nanoseconds of each run in each round, by size of the batch, 1 among them.
        """
        one = times[1]
        return cls(
            threads=threads,
            p50=median(float(np.quantile(found, 0.5)) for found in one) / 1e6,
            p95=median(float(np.quantile(found, 0.95)) for found in one) / 1e6,
            throughput={
                batch: median(1e9 * batch * len(found) / sum(found) for found in rounds)
                for batch, rounds in times.items()
                if batch > 1
            },
            runs=sum(map(len, one)),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the figures."""
        return {
            "threads": self.threads,
            "p50_ms": self.p50,
            "p95_ms": self.p95,
            "images_per_second": {str(batch): rate for batch, rate in self.throughput.items()},
            "runs": self.runs,
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """What the processes of one model said.

    Attributes:
        starts: Seconds from the start of a process to its first answer, of each start.
        speeds: One for each number of threads.
        peak_bytes: Most resident memory, timing over and answers not yet asked for.
        versions: Of what it loaded.
        answers: Probabilities and logits, float32 (n, k); `None` where they were not asked for.
    """

    starts: tuple[float, ...]
    speeds: tuple[Speed, ...]
    peak_bytes: int
    versions: Mapping[str, str]
    answers: tuple[np.ndarray, np.ndarray] | None = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """A model to measure.

    Attributes:
        path: Of the model.
        pixels: Of the .npy file with what it is asked.
        predict: How many of those images to answer, once.
        trust: Whether an export that is a program may be run.
    """

    path: Path
    pixels: Path
    predict: int = 0
    trust: bool = False


def turns(count: int, number: int) -> tuple[int, ...]:
    """Return who runs when in a round: each comes first in turn."""
    return tuple((number + place) % count for place in range(count))


class Child:
    """The process of one model; it ends with `close`, or with this process.

    Args:
        job: What it runs.
        threads: Of its runtime.

    Raises:
        ModelError: It cannot run the model, or it died.
    """

    def __init__(self, job: Job, threads: int) -> None:
        self._name = printable(job.path)
        words = [json.dumps([str(place) for place in sys.path]), job.path]
        words += [job.pixels, threads, job.trust]
        began = time.perf_counter()
        self._process = subprocess.Popen(
            # Isolated: nothing in the current folder may pass for a module.
            [sys.executable, "-I", "-c", _CODE, *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            process_group=0,  # Ctrl-C is for the process that ends the others
        )
        try:
            self._read()
        except BaseException:
            self.close()
            raise
        self.start = time.perf_counter() - began

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to one question.

        Raises:
            ModelError: The model cannot do it, or the process died.
        """
        try:
            if self._process.stdin is not None:
                self._process.stdin.write(json.dumps(question) + "\n")
                self._process.stdin.flush()
        except OSError:
            pass  # it died: reading says how
        return self._read()

    def close(self) -> None:
        """End the process, at once."""
        self._process.kill()
        self._process.communicate()

    def _read(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line.endswith("\n"):
            raise ModelError(
                f"The process that ran {self._name} ended with {self._process.wait()}.",
                expected="a runtime that runs the model",
                fix="export the model again, or reinstall the runtime",
                code="runtime_died",
            )
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            said = answer["error"]
            raise ModelError(
                said["what"], expected=said.get("expected"), fix=said.get("fix"), code=said["code"]
            )
        return answer


class Rounds:
    """Measures several models; those that fail are left out of what follows.

    Args:
        jobs: The models.
        threads: The numbers of threads, each in turn; the last is that of start, memory, answers.
        seconds: For the timing of all of them together.
        progress: Told (done, total).
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        *,
        threads: Sequence[int],
        seconds: float,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self._jobs, self._threads = jobs, threads
        asked = len(jobs) * len(threads) * (ROUNDS + 1) * len(BATCHES)
        self._slice = seconds / max(1, asked)
        chunks = sum(len(range(0, job.predict, _CHUNK)) for job in jobs)
        self._total = asked + chunks + len(jobs) * (STARTS + len(threads) - 1)
        self._progress, self._done = progress, 0
        self._children: dict[int, Child] = {}
        self._starts: dict[int, list[float]] = {}
        self._speeds: dict[int, list[Speed]] = {place: [] for place in range(len(jobs))}
        self.errors: dict[int, ModelError] = {}

    def measure(self) -> dict[int, Measured]:
        """Return what was measured, by the place of the job; `errors` has the others."""
        try:
            for threads in self._threads:
                self._end()
                last = threads == self._threads[-1]
                self._start(threads, STARTS if last else 1)
                self._time(threads)
            facts = {place: self._try(place, {"do": "say"}) for place in self._running()}
            answers = {place: self._predict(place) for place in self._running()}
        finally:
            self._end()
        return {
            place: Measured(
                starts=tuple(self._starts[place]),
                speeds=tuple(self._speeds[place]),
                peak_bytes=said["peak_bytes"],
                versions=said["versions"],
                answers=answers[place],
            )
            for place, said in facts.items()
            if said is not None and place not in self.errors
        }

    def _running(self) -> list[int]:
        return [place for place in range(len(self._jobs)) if place not in self.errors]

    def _start(self, threads: int, times: int) -> None:
        self._starts = {place: [] for place in self._running()}
        for _ in range(times):
            self._end()
            for place in self._running():
                try:
                    self._children[place] = Child(self._jobs[place], threads)
                    self._starts[place].append(self._children[place].start)
                except ModelError as error:
                    self.errors[place] = error
                self._tell()

    def _time(self, threads: int) -> None:
        times: dict[int, dict[int, list[list[int]]]] = {
            place: {batch: [] for batch in BATCHES} for place in self._running()
        }
        for number in range(ROUNDS + 1):
            for batch in BATCHES:
                for place in turns(len(self._jobs), number):
                    asked = {"do": "time", "batch": batch, "seconds": self._slice}
                    said = self._try(place, asked)
                    if said is not None and number > 0:
                        times[place][batch].append(said["times"])
        for place in self._running():
            self._speeds[place].append(Speed.of(threads, times[place]))

    def _predict(self, place: int) -> tuple[np.ndarray, np.ndarray] | None:
        many = self._jobs[place].predict
        found: list[dict[str, Any]] = []
        for start in range(0, many, _CHUNK):
            stop = min(start + _CHUNK, many)
            said = self._try(place, {"do": "predict", "start": start, "stop": stop})
            if said is None:
                return None
            found.append(said)
        if not found:
            return None
        probabilities, logits = (
            np.concatenate([np.array(said[name], np.float32) for said in found])
            for name in ("probabilities", "logits")
        )
        return probabilities, logits

    def _try(self, place: int, question: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the answer; `None`, and its error noted, where there is none."""
        said = None
        if place not in self.errors:
            try:
                said = self._children[place].ask(question)
            except ModelError as error:
                self.errors[place] = error
        if question["do"] != "say":
            self._tell()
        return said

    def _tell(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(min(self._done, self._total), self._total)

    def _end(self) -> None:
        while self._children:
            self._children.popitem()[1].close()

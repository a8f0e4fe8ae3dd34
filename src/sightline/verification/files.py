"""The proof that an export's own way from a file to an answer is ours.

Sees two functions from the bytes of image files to pixels and probabilities; knows no format.
Apart from the proof on pixels (`verification.compare`), because decoders and resizing differ where
arithmetic does not: one level of 255 already moved a probability by 0.06. So each export that
decodes has limits of its own here, and a file that only one side takes is named, not dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from sightline.errors import CheckFailedError, ImageError
from sightline.images import preprocess
from sightline.inference.reading import FileReader, Reading
from sightline.inference.runner import Runner
from sightline.verification.compare import largest_difference

_LEVELS = 256
_AT_ONCE = 32


@dataclass(frozen=True, kw_only=True)
class FilesTolerance:
    """How far the two ways may be apart.

    Attributes:
        levels: Largest difference of one pixel's value, of 255.
        mean_levels: Mean difference over all values of all pictures.
        difference: Largest |Δp|.
        agreement: Least share of files with the same answer.
        reason: Why so far and no farther.
    """

    levels: int
    mean_levels: float
    difference: float
    agreement: float
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class FilesProof:
    """How far apart two ways from files to answers are.

    Attributes:
        n: Files that both took, and that were compared.
        levels: Largest difference of pixels, of 255; `None` where a side shows none.
        mean_levels: Mean difference over all values of all pictures; `None` likewise.
        changed: Share of all values that differ at all; `None` likewise.
        max_difference: Largest |Δp|, infinite where there is NaN; `None` without answers.
        mean_difference: Mean |Δp|; `None` likewise.
        agreement: Share of files with the same answer; `None` likewise.
        disagreements: Names of the files with another answer.
        worst: Name of the file that is furthest off: by its pixels, else by |Δp|.
        refused: Of each file that only one side took, the name and what the other said.
        unreadable: Files that neither side took.
        allowed: How far apart they may be.
    """

    n: int
    levels: int | None
    mean_levels: float | None
    changed: float | None
    max_difference: float | None
    mean_difference: float | None
    agreement: float | None
    disagreements: tuple[str, ...]
    worst: str | None
    refused: tuple[tuple[str, str], ...]
    unreadable: int
    allowed: FilesTolerance

    @property
    def passed(self) -> bool:
        """Whether enough was compared, and all of it is within what is allowed.

        A file that one side refuses is not judged, since an export may take fewer kinds of files;
        but most have to be.
        """
        allowed = self.allowed
        judged = (
            (self.levels, allowed.levels),
            (self.mean_levels, allowed.mean_levels),
            (self.max_difference, allowed.difference),
            (None if self.agreement is None else -self.agreement, -allowed.agreement),
        )
        given = [(found, limit) for found, limit in judged if found is not None]
        enough = self.n > 0 and len(self.refused) <= self.n
        return enough and bool(given) and all(found <= limit for found, limit in given)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON."""
        figures = {name: value for name, value in asdict(self).items() if name != "allowed"}
        return {
            **figures,
            "disagreements": list(self.disagreements),
            "refused": [{"file": name, "why": why} for name, why in self.refused],
            "allowed": asdict(self.allowed),
            "passed": self.passed,
        }


def runner_reader(runner: Runner) -> FileReader:
    """Return our own way from files to answers: the decoder, and then `runner`."""

    def read(files: Sequence[bytes]) -> list[Reading]:
        readings = [_decoded(data, runner) for data in files]
        taken = [one.pixels for one in readings if one.pixels is not None]
        if not taken:
            return readings
        answers = iter(runner.run(np.stack(taken)).probabilities)
        return [
            one if one.pixels is None else Reading(pixels=one.pixels, probabilities=next(answers))
            for one in readings
        ]

    return read


def _decoded(data: bytes, runner: Runner) -> Reading:
    try:
        return Reading(pixels=preprocess(data, runner.preprocessing).pixels)
    except ImageError as error:
        return Reading(refused=error.what)


def most_probable(probabilities: np.ndarray) -> np.ndarray:
    """Return the index of the most probable class (n,) for probabilities (n, k)."""
    return np.asarray(probabilities.argmax(axis=1))


def compare_files(
    source: FileReader,
    target: FileReader,
    files: Iterable[tuple[str, bytes]],
    *,
    tolerance: FilesTolerance,
    decide: Callable[[np.ndarray], np.ndarray] = most_probable,
) -> FilesProof:
    """Let two sides read the same files, and compare pixels and answers.

    Args:
        source: Ours, by `runner_reader`.
        target: The export's own.
        files: Name and content of each; read some at a time.
        tolerance: How far apart they may be.
        decide: From probabilities (n, k) to answers (n, ...) that can be compared.
    """
    tally = _Tally()
    for names, contents in _chunks(files):
        for name, own, other in zip(names, source(contents), target(contents), strict=True):
            tally.add(name, own, other)
    return tally.proof(tolerance, decide)


def require_files(
    proof: FilesProof, *, name: str, fix: str = "report this with a file that differs"
) -> None:
    """Refuse an export whose own way from file to answer is another one.

    Args:
        proof: What was found.
        name: Of the export, for the error.
        fix: What its user can do.

    Raises:
        CheckFailedError: `proof` did not pass.
    """
    if proof.passed:
        return
    allowed = proof.allowed
    raise CheckFailedError(
        f"{name} reads image files otherwise than its source: of {proof.n} compared, pixels differ "
        f"by up to {_shown(proof.levels)} levels (mean {_shown(proof.mean_levels)}), |Δp| is up to "
        f"{_shown(proof.max_difference)}, the answer is the same for {_shown(proof.agreement)}; "
        f"only one side took {len(proof.refused)} files.",
        expected=f"at most {allowed.levels} levels (mean {allowed.mean_levels:g}), |Δp| of at most "
        f"{allowed.difference:g}, the same answers for {allowed.agreement:.1%} of the files",
        fix=fix,
        code="export_reads_otherwise",
        details={"worst": proof.worst, "disagreements": list(proof.disagreements[:20])},
    )


def _shown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}"


def _chunks(
    files: Iterable[tuple[str, bytes]],
) -> Iterator[tuple[tuple[str, ...], tuple[bytes, ...]]]:
    rest = iter(files)
    while chunk := tuple(islice(rest, _AT_ONCE)):
        yield tuple(name for name, _ in chunk), tuple(data for _, data in chunk)


@dataclass
class _Tally:
    """What has been compared so far; of pixels only how many values differ by how much."""

    names: list[str] = field(default_factory=list)
    counts: np.ndarray = field(default_factory=lambda: np.zeros(_LEVELS, np.int64))
    shown: bool = True
    worst: list[int] = field(default_factory=list)
    answers: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    unreadable: int = 0

    def add(self, name: str, own: Reading, other: Reading) -> None:
        """Count one file."""
        if own.refused or other.refused:
            if own.refused and other.refused:
                self.unreadable += 1
            else:
                self.refused.append((name, own.refused or other.refused))
            return
        self.names.append(name)
        if own.pixels is None or other.pixels is None:
            self.shown = False
        else:
            differences = _differences(own.pixels, other.pixels)
            self.counts += np.bincount(differences, minlength=_LEVELS)
            self.worst.append(int(differences.max()))
        if own.probabilities is not None and other.probabilities is not None:
            self.answers.append((own.probabilities, other.probabilities))

    def proof(
        self, tolerance: FilesTolerance, decide: Callable[[np.ndarray], np.ndarray]
    ) -> FilesProof:
        """Return the figures."""
        total = int(self.counts.sum())
        shown = self.shown and total > 0
        each = [largest_difference(own, other) for own, other in self.answers]
        judged = 0 < len(each) == len(self.names)
        changed = _changed(self.answers, decide) if judged else np.zeros(0, bool)
        means = [np.abs(own.astype(np.float64) - other).mean() for own, other in self.answers]
        furthest = self.worst if shown else (each if judged else [])
        return FilesProof(
            n=len(self.names),
            levels=max(self.worst) if shown else None,
            mean_levels=float(self.counts @ np.arange(_LEVELS) / total) if shown else None,
            changed=float(1 - self.counts[0] / total) if shown else None,
            max_difference=max(each) if judged else None,
            mean_difference=_finite_or_infinite(float(np.mean(means))) if judged else None,
            agreement=float(1 - changed.mean()) if judged else None,
            disagreements=tuple(self.names[row] for row in np.flatnonzero(changed)),
            worst=self.names[int(np.argmax(furthest))] if furthest else None,
            refused=tuple(self.refused),
            unreadable=self.unreadable,
            allowed=tolerance,
        )


def _differences(own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return |Δ| of each value in levels; the largest there is where the pictures differ in shape.

    Raises:
        ValueError: `other` does not hold uint8.
    """
    if other.dtype != np.uint8:
        raise ValueError(f"pixels of type {other.dtype}, not uint8")
    if own.shape != other.shape:
        return np.full(own.size, _LEVELS - 1)
    return np.asarray(np.abs(own.astype(np.int16) - other).ravel())


def _changed(
    answers: Sequence[tuple[np.ndarray, np.ndarray]], decide: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Return for each file, bool (n,), whether the answer is another one."""
    own, other = (decide(np.stack(side)) for side in zip(*answers, strict=True))
    return np.asarray((own != other).reshape(len(answers), -1).any(axis=1))


def _finite_or_infinite(value: float) -> float:
    # NaN is neither above nor below a limit: it must count as the worst difference.
    return value if np.isfinite(value) else float("inf")

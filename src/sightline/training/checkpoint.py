"""Training state that a kill at any instant cannot spoil.

One file holds everything a run needs to go on: weights, optimiser, best weights, counters.
Its name ends in the SHA-256 of its content, and it appears by one atomic rename, so a file
is either whole and verifiable or not there. The two newest are kept: should one be damaged
later, the run falls back to the other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as save_tensors

from sightline.errors import ModelError, NonFiniteError, ResumeMismatchError
from sightline.files import sha256_bytes, sha256_file, write_bytes

_NAME = re.compile(r"(\d{6})-(\d{8})-([0-9a-f]{64})\.checkpoint")
_KEPT = 2
_STATE = "state"


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run stands, but for the tensors.

    Attributes:
        epoch: The epoch under way, from 0.
        step: Steps of it that are done.
        rate_scale: Factor on the learning rate, below 1 after a rollback.
        sums: Running figures of the epoch under way.
        history: One row for each finished epoch.
        best_epoch: The epoch whose weights are kept as best, -1 before the first.
        best_value: Its validation loss.
    """

    epoch: int = 0
    step: int = 0
    rate_scale: float = 1.0
    sums: Mapping[str, Any] = field(default_factory=dict)
    history: tuple[Mapping[str, float], ...] = ()
    best_epoch: int = -1
    best_value: float | None = None


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """One saved state.

    Attributes:
        identity: What the run is: digests of recipe and data, versions. Resuming another
            run's checkpoint is refused.
        progress: Where it stands.
        tensors: `model/…`, `optimizer/…` and `best/…` arrays.
    """

    identity: Mapping[str, str]
    progress: Progress
    tensors: Mapping[str, np.ndarray]


def save_checkpoint(directory: Path, checkpoint: Checkpoint) -> Path:
    """Write `checkpoint` into `directory` and remove all but the two newest.

    Raises:
        NonFiniteError: A tensor holds NaN or infinity; nothing was written.
        MachineError: The disk is full or not writable; older checkpoints are untouched.
    """
    for name, value in checkpoint.tensors.items():
        if not np.isfinite(value).all():
            raise NonFiniteError(f"The tensor {name!r} holds NaN or infinity; it is not saved.")
    state = {"identity": dict(checkpoint.identity), "progress": asdict(checkpoint.progress)}
    # json.dumps writes floats so that reading gives the same bits back.
    content = save_tensors(
        {name: np.asarray(value, order="C") for name, value in checkpoint.tensors.items()},
        metadata={_STATE: json.dumps(state)},
    )
    at = checkpoint.progress
    path = directory / f"{at.epoch:06d}-{at.step:08d}-{sha256_bytes(content)}.checkpoint"
    directory.mkdir(parents=True, exist_ok=True)
    write_bytes(path, content)
    # Only now: the new one must stand before an old one goes.
    for old in _candidates(directory)[_KEPT:]:
        old.unlink(missing_ok=True)
    return path


def load_checkpoint(
    directory: Path, identity: Mapping[str, str]
) -> tuple[Checkpoint | None, tuple[str, ...]]:
    """Return the newest whole checkpoint, and what is to be told about the others.

    Args:
        directory: Where the checkpoints are; may be missing.
        identity: What the run that resumes is.

    Returns:
        The checkpoint or `None` where there is none, and one sentence for each that was
        passed over as damaged.

    Raises:
        ResumeMismatchError: The newest whole checkpoint is another run's.
        ModelError: There are checkpoints and every one is damaged.
    """
    told: list[str] = []
    for path in _candidates(directory):
        checkpoint = _read(path)
        if checkpoint is None:
            told.append(f"{path.name} is damaged; the one before it is used.")
            continue
        _check_identity(checkpoint.identity, identity)
        return checkpoint, tuple(told)
    if told:
        raise ModelError(
            f"Every checkpoint in {directory} is damaged.",
            expected="at least one whole checkpoint to resume from",
            fix="start anew with --overwrite",
            code="damaged_checkpoint",
        )
    return None, ()


def has_checkpoint(directory: Path) -> bool:
    """Return whether `directory` holds a run to resume."""
    return bool(_candidates(directory))


def _candidates(directory: Path) -> list[Path]:
    if not directory.is_dir():
        return []
    return sorted((p for p in directory.iterdir() if _NAME.fullmatch(p.name)), reverse=True)


def _read(path: Path) -> Checkpoint | None:
    match = _NAME.fullmatch(path.name)
    if match is None or sha256_file(path) != match.group(3):
        return None
    try:
        with safe_open(path, framework="numpy") as stream:
            state = json.loads(stream.metadata()[_STATE])
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}
    except (SafetensorError, ValueError, KeyError, OSError):
        return None
    progress = state["progress"]
    return Checkpoint(
        identity=state["identity"],
        progress=Progress(**{**progress, "history": tuple(progress["history"])}),
        tensors=tensors,
    )


def _check_identity(saved: Mapping[str, str], asked: Mapping[str, str]) -> None:
    names = sorted({*saved, *asked})
    differing = {
        name: [saved.get(name), asked.get(name)]
        for name in names
        if saved.get(name) != asked.get(name)
    }
    if differing:
        table = "; ".join(
            f"{name}: was {_brief(old)}, now {_brief(new)}"
            for name, (old, new) in differing.items()
        )
        raise ResumeMismatchError(
            f"The run to resume is another one ({table}).",
            expected="the same data, recipe and versions as when it was begun",
            fix="repeat the first command with --resume, or start anew with --overwrite",
            details={"differences": differing},
        )


def _brief(value: str | None) -> str:
    return "absent" if value is None else value[:16]

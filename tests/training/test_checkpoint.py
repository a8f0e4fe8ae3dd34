from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sightline.errors import MachineError, ModelError, NonFiniteError, ResumeMismatchError
from sightline.training.checkpoint import (
    Checkpoint,
    Progress,
    has_checkpoint,
    load_checkpoint,
    save_checkpoint,
)

IDENTITY = {"recipe": "a" * 64, "data": "b" * 64}


def a_checkpoint(epoch: int = 0, step: int = 0) -> Checkpoint:
    progress = Progress(
        epoch=epoch,
        step=step,
        sums={"seconds": 0.1 + 0.2, "tally": {"loss": 1 / 3}},
        history=({"epoch": 1, "loss": 2 / 3},),
        best_epoch=0,
        best_value=0.7,
    )
    tensors = {
        "model/kernel": np.arange(6, dtype=np.float32).reshape(2, 3) + epoch,
        "optimizer/00000": np.array(7, np.int64),
    }
    return Checkpoint(identity=IDENTITY, progress=progress, tensors=tensors)


def test_reading_gives_back_what_was_written_bit_for_bit(tmp_path: Path) -> None:
    written = a_checkpoint(3, 5)
    save_checkpoint(tmp_path, written)
    read, told = load_checkpoint(tmp_path, IDENTITY)
    assert read is not None
    assert told == ()
    assert read.progress == written.progress
    assert read.tensors.keys() == written.tensors.keys()
    for name, value in written.tensors.items():
        assert read.tensors[name].dtype == value.dtype
        assert np.array_equal(read.tensors[name], value)


def test_an_absent_directory_holds_nothing_to_resume(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "absent", IDENTITY) == (None, ())
    assert not has_checkpoint(tmp_path / "absent")


def test_the_two_newest_are_kept(tmp_path: Path) -> None:
    paths = [
        save_checkpoint(tmp_path, a_checkpoint(*at)) for at in ((0, 9), (1, 0), (1, 4), (2, 0))
    ]
    assert sorted(tmp_path.iterdir()) == paths[2:]
    read, _ = load_checkpoint(tmp_path, IDENTITY)
    assert read is not None
    assert (read.progress.epoch, read.progress.step) == (2, 0)


def _flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


DAMAGES = {
    "truncated": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "one bit flipped": _flip,
    "longer": lambda data: data + b"x",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path: Path, damage) -> None:
    save_checkpoint(tmp_path, a_checkpoint(1))
    newest = save_checkpoint(tmp_path, a_checkpoint(2))
    newest.write_bytes(damage(newest.read_bytes()))
    read, told = load_checkpoint(tmp_path, IDENTITY)
    assert read is not None
    assert read.progress.epoch == 1
    assert len(told) == 1
    assert newest.name in told[0]


def test_nothing_is_resumed_when_every_checkpoint_is_damaged(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, a_checkpoint()).write_bytes(b"")
    with pytest.raises(ModelError, match="Every checkpoint"):
        load_checkpoint(tmp_path, IDENTITY)


def test_another_runs_checkpoint_is_refused_with_the_differences(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, a_checkpoint())
    with pytest.raises(ResumeMismatchError, match="data: was bbbb") as caught:
        load_checkpoint(tmp_path, {**IDENTITY, "data": "c" * 64})
    assert caught.value.details == {"differences": {"data": ["b" * 64, "c" * 64]}}
    assert has_checkpoint(tmp_path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_state_that_is_not_finite_is_never_written(tmp_path: Path, value: float) -> None:
    bad = replace(a_checkpoint(), tensors={"model/kernel": np.array([1, value], np.float32)})
    with pytest.raises(NonFiniteError, match="model/kernel"):
        save_checkpoint(tmp_path, bad)
    assert not has_checkpoint(tmp_path)


def test_a_full_disk_leaves_the_older_checkpoint_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_checkpoint(tmp_path, a_checkpoint(1))

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(MachineError, match="No room"):
            save_checkpoint(tmp_path, a_checkpoint(2))
    read, told = load_checkpoint(tmp_path, IDENTITY)
    assert read is not None
    assert read.progress.epoch == 1
    assert told == ()
    assert len(list(tmp_path.iterdir())) == 1, "the temporary file was left behind"

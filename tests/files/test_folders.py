"""Folders that appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sightline.errors import MachineError
from sightline.files import write_folder


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_folder_is_written_and_replaced(tmp_path: Path) -> None:
    target = tmp_path / "m.web"
    write_folder(target, {"a": b"1", "b/c": b"2"})
    assert contents(target) == {"a": b"1", "b/c": b"2"}
    write_folder(target, {"d": b"3"})
    assert contents(target) == {"d": b"3"} and os.listdir(tmp_path) == ["m.web"]


def test_what_stood_there_survives_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "m.web"
    write_folder(target, {"a": b"1"})
    rename, calls = os.rename, []

    def second_fails(source: Path, goal: Path) -> None:
        calls.append(goal)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        rename(source, goal)

    monkeypatch.setattr(os, "rename", second_fails)
    with pytest.raises(MachineError) as caught:
        write_folder(target, {"a": b"2"})
    assert caught.value.code == "disk_full" and len(calls) == 3
    assert contents(target) == {"a": b"1"} and os.listdir(tmp_path) == ["m.web"]


def test_a_place_that_cannot_be_written_is_told() -> None:
    with pytest.raises(MachineError, match="Cannot write"):
        write_folder(Path("/proc/none/m.web"), {"a": b"1"})

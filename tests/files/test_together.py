"""Files that belong together are written as nearly at once as a file system can."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sightline.errors import MachineError
from sightline.files import write_files


def test_they_appear_in_order_once_all_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, seen = os.replace, []

    def watched(source: Path, target: Path) -> None:
        staged = sorted(path.read_bytes() for path in tmp_path.glob(".*.tmp"))
        seen.append((target.name, staged))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    write_files({tmp_path / "a": b"1", tmp_path / "b": b"2", tmp_path / "c": b"3"})
    assert seen == [("a", [b"1", b"2", b"3"]), ("b", [b"2", b"3"]), ("c", [b"3"])]
    assert sorted(os.listdir(tmp_path)) == ["a", "b", "c"]


def test_one_that_cannot_be_written_leaves_all_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(MachineError):
        write_files({tmp_path / "a": b"new", tmp_path / "none" / "b": b"2"})
    assert (tmp_path / "a").read_bytes() == b"old" and os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("error", [OSError(28, "full"), KeyboardInterrupt()])
@pytest.mark.parametrize("links", [True, False])
def test_what_stood_there_is_put_back_when_a_rename_fails_or_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, links: bool
) -> None:
    (tmp_path / "a").write_bytes(b"old a")
    (tmp_path / "c").write_bytes(b"old c")
    replace, link, calls = os.replace, os.link, []

    def third_fails(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == 3:
            raise error
        replace(source, target)

    def linked(source: Path, target: Path) -> None:
        if not links and source.exists():
            raise OSError(95, "not supported")
        link(source, target)

    monkeypatch.setattr(os, "replace", third_fails)
    monkeypatch.setattr(os, "link", linked)
    with pytest.raises((MachineError, KeyboardInterrupt)):
        write_files({tmp_path / "a": b"1", tmp_path / "b": b"2", tmp_path / "c": b"3"})
    assert sorted(os.listdir(tmp_path)) == ["a", "c"]
    assert (tmp_path / "a").read_bytes() == b"old a" and (tmp_path / "c").read_bytes() == b"old c"


def test_a_folder_in_the_place_of_a_file_is_told_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "b").mkdir()
    with pytest.raises(MachineError, match="Cannot write"):
        write_files({tmp_path / "a": b"new", tmp_path / "b": b"2"})
    assert (tmp_path / "a").read_bytes() == b"old" and sorted(os.listdir(tmp_path)) == ["a", "b"]

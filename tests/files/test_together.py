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

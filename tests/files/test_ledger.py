from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sightline.errors import MachineError
from sightline.files.ledger import append_line, read_lines


def test_lines_are_added_in_order(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    assert read_lines(path) == ()
    for word in ("one", "two", "three"):
        append_line(path, word)
    assert path.read_bytes() == b"one\ntwo\nthree\n"
    assert read_lines(path) == ("one", "two", "three")


def test_half_a_line_damages_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    path.write_bytes(b"one\ntw")
    assert read_lines(path) == ("one", "tw")
    append_line(path, "three")
    assert read_lines(path) == ("one", "tw", "three")


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    words = [f"{number:03}" * 500 for number in range(100)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda word: append_line(path, word), words))
    assert sorted(read_lines(path)) == words


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger"
    append_line(path, "one")
    really, calls = os.write, []

    def write(handle: int, data: bytes) -> int:
        calls.append(data)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return really(handle, data[:3])

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(MachineError) as caught:
        append_line(path, "a second line")
    assert caught.value.code == "disk_full"
    assert len(calls) == 2
    assert path.read_bytes() == b"one\n"


def test_no_folder_is_an_error_in_three_parts(tmp_path: Path) -> None:
    with pytest.raises(MachineError) as caught:
        append_line(tmp_path / "absent" / "ledger", "one")
    assert caught.value.code == "not_writable"

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import DataError, MachineError
from sightline.files import (
    canonical_json,
    join_inside,
    lock,
    open_atomically,
    parse_json,
    printable,
    sha256_bytes,
    sha256_file,
    write_bytes,
    write_json,
)


def test_a_write_replaces_the_old_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_block_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), open_atomically(path) as stream:
        stream.write(b"half")
        _ = 1 / 0
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_told_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MachineError) as caught:
        write_bytes(path, b"new")
    assert caught.value.code == "disk_full"
    assert path.read_bytes() == b"old"


def test_a_missing_directory_is_told(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="Cannot write"):
        write_bytes(tmp_path / "absent" / "a", b"")


def test_a_kill_in_the_middle_of_a_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    script = (
        "import os, signal, sys\n"
        "from sightline.files import open_atomically\n"
        "with open_atomically(sys.argv[1]) as stream:\n"
        "    stream.write(b'x' * 100_000)\n"
        "    stream.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert done.returncode == -9
    assert path.read_bytes() == b"old"


def test_digests_of_files_and_bytes_agree(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_bytes(b"abc") == sha256_file(path) == known


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)  # fmt: skip


@given(json_values)
def test_parsing_canonical_json_gives_the_value_back(value: object) -> None:
    assert parse_json(canonical_json(value), name="it") == value


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", "[Infinity]", '{"a": 1, "a": 2}', "1 2", b"\xff", "[" * 100_000]
)
def test_what_is_not_strict_json_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="it is not valid JSON"):
        parse_json(text, name="it")


def test_json_that_cannot_be_said_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"value": float("nan")})
    assert not list(tmp_path.iterdir())


def test_a_lock_has_one_holder_and_dies_with_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock(path), pytest.raises(MachineError) as caught, lock(path):
        pass
    assert caught.value.code == "in_use"
    assert str(os.getpid()) in caught.value.what
    with lock(path):
        pass


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("a\nb", "a\\nb"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\u202egnp.exe", "a\\u202egnp.exe"),
        ("\udcff", "\\udcff"),
        ("café 猫", "café 猫"),
    ],
)
def test_names_are_shown_without_harm(path: str, shown: str) -> None:
    assert printable(path) == shown


@pytest.mark.parametrize(
    "relative",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a\\..\\x",
        "C:\\x",
        "C:x",
        "\\\\host\\x",
        "a\0b",
        "..",
    ],
)
def test_paths_that_lead_out_are_refused(tmp_path: Path, relative: str) -> None:
    with pytest.raises(DataError) as caught:
        join_inside(tmp_path, relative)
    assert caught.value.code == "unsafe_path"


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path)
    with pytest.raises(DataError):
        join_inside(tmp_path / "root", "link/secret")


def test_a_path_inside_is_joined(tmp_path: Path) -> None:
    assert join_inside(tmp_path, "a/b.png") == tmp_path / "a" / "b.png"

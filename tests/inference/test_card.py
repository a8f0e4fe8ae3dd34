"""Where the files of an export stand, and names that would lead elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.errors import DataError, ModelError
from sightline.inference.card import Place, _check_no_others, is_export


def test_files_stand_side_by_side_or_in_a_folder() -> None:
    beside = Place(Path("a/m.XML"), folder=False)
    assert beside.member(".xml") == Path("a/m.XML") and beside.member(".bin") == Path("a/m.bin")
    assert (beside.card, beside.tensors) == (Path("a/m.XML.json"), Path("a/m.XML.safetensors"))
    inside = Place(Path("a/m.web"), folder=True)
    assert inside.member("1/x.pb") == Path("a/m.web/1/x.pb")
    assert inside.card == Path("a/m.web/sightline.json")


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "", "C:x", "x\0"])
def test_no_name_leads_out_of_a_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError):
        Place(tmp_path, folder=True).member(name)


@pytest.mark.parametrize("name", ["x", "/etc/passwd", ".a/../b", ".", ".x y"])
def test_beside_a_file_only_suffixes_are_names(name: str) -> None:
    with pytest.raises(DataError):
        Place(Path("m.onnx"), folder=False).member(name)


def test_a_link_to_a_folder_is_no_part_of_an_export(tmp_path: Path) -> None:
    elsewhere, export = tmp_path / "elsewhere", tmp_path / "m.web"
    elsewhere.mkdir()
    export.mkdir()
    (export / "2").symlink_to(elsewhere)
    with pytest.raises(ModelError, match="no part of the export"):
        _check_no_others(Place(export, folder=True), {})


def test_an_export_is_what_has_a_card(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(b"")
    assert not is_export(tmp_path / "m.tflite") and not is_export(tmp_path)
    (tmp_path / "m.tflite.json").write_text("{}")
    assert is_export(tmp_path / "m.tflite")
    (tmp_path / "sightline.json").write_text("{}")
    assert is_export(tmp_path)

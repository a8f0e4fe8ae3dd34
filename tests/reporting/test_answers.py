from __future__ import annotations

import csv
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import ConfigError, ImageError, MachineError, MissingPackageError
from sightline.predictions import Predictions
from sightline.reporting import open_answers

NAN = float("nan")
SUFFIXES = (".csv", ".jsonl", ".parquet")


def predictions(*names: str, task: str = "multi_class") -> Predictions:
    """The last image failed."""
    probabilities = np.full((len(names), 2), (0.7, 0.3), np.float32)
    probabilities[-1] = NAN
    return Predictions(
        task=task,  # type: ignore[arg-type]
        classes=("cat", "dog"),
        names=names,
        probabilities=probabilities,
        errors={len(names) - 1: ImageError("No image,\nno pixels.", code="truncated")},
    )


def read_csv(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as stream:
        return list(csv.DictReader(stream, strict=True))


def test_csv_has_a_row_for_each_image_in_order(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    with open_answers(path, top=3) as writer:
        writer.write(predictions("a.jpg", "b.jpg"))
        writer.write(replace(predictions("c.jpg", "d.jpg"), unsure_below=0.9))
    assert (writer.rows, writer.failed) == (4, 2)
    rows = read_csv(path)
    assert [row["name"] for row in rows] == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    assert rows[0] == {
        "name": "a.jpg",
        "answer": "cat",
        "unsure": "false",
        "unsure_labels": "",
        "unlike": "false",
        "confidence": "0.7",
        "distance": "",
        "label_1": "cat",
        "probability_1": "0.7",
        "label_2": "dog",
        "probability_2": "0.3",
        "label_3": "",
        "probability_3": "",
        "error_code": "",
        "error": "",
    }
    assert rows[1]["answer"] == rows[1]["confidence"] == rows[1]["label_1"] == ""
    assert rows[1]["error_code"] == "truncated"
    assert rows[1]["error"] == "No image,\nno pixels."
    assert (rows[2]["answer"], rows[2]["unsure"]) == ("unsure", "true")


def test_json_lines_are_the_rows_with_the_name_of_their_schema(tmp_path: Path) -> None:
    path = tmp_path / "answers.JSONL"
    given = predictions("a.jpg", "b.jpg", task="multi_label")
    with open_answers(path, top=1) as writer:
        writer.write(given)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    plain = [{k: v for k, v in row.items() if not k.startswith("schema")} for row in rows]
    assert plain == list(given.to_rows(top=1))
    assert {row["schema"] for row in rows} == {"prediction"}


@pytest.mark.parametrize("task", ["multi_class", "multi_label"])
def test_parquet_has_typed_columns(tmp_path: Path, task: str) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "answers.parquet"
    given = predictions("a.jpg", "b\udcff.jpg", task=task)
    with open_answers(path) as writer:
        writer.write(given)
        writer.write(replace(given, unsure_below=0.9))
    rows = parquet.read_table(path).to_pylist()
    assert [row["name"] for row in rows] == ["a.jpg", "b\\xff.jpg"] * 2
    alone = task == "multi_class"
    assert rows[0]["answer"] == ("cat" if alone else ["cat"])
    assert rows[2]["answer"] == ("unsure" if alone else [])
    assert rows[2]["unsure"] is True
    assert rows[2]["unsure_labels"] == ([] if alone else ["cat", "dog"])
    assert rows[0]["confidence"] == np.float32(0.7)
    assert rows[0]["top"][1] == {"label": "dog", "probability": np.float32(0.3)}
    assert rows[1]["confidence"] is None and rows[1]["error_code"] == "truncated"


def test_parquet_without_pyarrow_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with (
        pytest.raises(MissingPackageError, match="pyarrow") as caught,
        open_answers(tmp_path / "answers.parquet"),
    ):
        pass
    assert caught.value.fix == "pip install 'sightline[parquet]'"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_run_that_breaks_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, suffix: str
) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"answers{suffix}"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), open_answers(path) as writer:
        writer.write(predictions("a", "b"))
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_images_give_an_empty_file_of_the_format(tmp_path: Path, suffix: str) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"answers{suffix}"
    with open_answers(path):
        pass
    lines = {".csv": 1, ".jsonl": 0}
    if suffix in lines:
        assert len(path.read_text().splitlines()) == lines[suffix]
    else:
        assert pytest.importorskip("pyarrow.parquet").read_table(path).num_rows == 0


def test_a_wrong_suffix_or_folder_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"answers\.xlsx") as caught:
        open_answers(tmp_path / "answers.xlsx").__enter__()
    assert caught.value.expected == "a name that ends in .csv, .jsonl, .parquet"
    with pytest.raises(MachineError, match="absent"):
        open_answers(tmp_path / "absent" / "answers.csv").__enter__()
    with pytest.raises(ConfigError, match="top is 0"):
        open_answers(tmp_path / "answers.csv", top=0).__enter__()


@given(names=st.lists(st.binary(min_size=1).filter(lambda name: b"\0" not in name), min_size=1))
def test_names_come_back_as_they_were(
    names: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    given_names = [os.fsdecode(name) for name in names]  # whatever a file may be called
    folder = tmp_path_factory.mktemp("answers")
    for suffix in (".csv", ".jsonl"):
        with open_answers(folder / f"a{suffix}") as writer:
            writer.write(predictions(*given_names))
    assert [row["name"] for row in read_csv(folder / "a.csv")] == given_names
    lines = (folder / "a.jsonl").read_text().splitlines()
    assert [json.loads(line)["name"] for line in lines] == given_names


def test_cells_that_a_spreadsheet_would_run_are_kept_and_counted(tmp_path: Path) -> None:
    names = ("=cmd|' /C calc'!A0", "-1.jpg", "plain.jpg", "photos/=1.jpg")
    with open_answers(tmp_path / "a.csv") as writer:
        writer.write(predictions(*names))
    assert writer.formula_like == 2
    assert [row["name"] for row in read_csv(tmp_path / "a.csv")] == list(names)

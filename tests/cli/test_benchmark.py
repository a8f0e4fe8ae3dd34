"""`benchmark`, as a shell sees it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sightline.cli import main
from sightline.dataset import write_digits
from sightline.machine import threads

pytestmark = pytest.mark.train

NETWORK = (
    *("--weights", "none", "--backbone", "small_cnn", "--channels", "1", "--image-size", "32"),
    *("--epochs", "6", "--split", "0.5,0.35,0.15"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("benchmark")
    write_digits(folder / "digits", per_class=20)
    model, export = str(folder / "m.sightline"), str(folder / "m.tflite")
    assert main(["train", str(folder / "digits"), *NETWORK, "--save", model]) == 0
    assert main(["export", model, "--save", export, "--no-verify"]) == 0
    return folder


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def test_one_table_with_a_row_for_what_fails(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    check_schema: Callable[[Any, str], None],
) -> None:
    cut = tmp_path / "cut.sightline"
    cut.write_bytes((folder / "m.sightline").read_bytes()[:2000])
    words = (folder / "m.sightline", cut, folder / "m.tflite", "--data", folder / "digits")
    plot = tmp_path / "p.png"
    words = ("benchmark", *words, "--seconds", "0.5", "--plot", plot, "--json")
    code, out, err = run(capsys, *words)
    assert code == 4 and "1 of 3 could not be measured: cut.sightline" in err
    document = json.loads(out)
    check_schema(document, "benchmark")
    model, failed, export = document["models"]
    assert failed["error"]["what"] and failed["speeds"] == [] and failed["bytes"] is None
    assert model["agreement"] == export["agreement"] == 1
    assert model["accuracy"] == export["accuracy"]
    assert export["difference"]["value"] == 0 and export["within_a_point"] == "not_shown"
    assert [one["threads"] for one in export["speeds"]] == [1, 2][: threads()]
    assert len(export["cold_start_seconds"]) == 3 and export["peak_bytes"] > 10e6
    assert set(export["speeds"][0]["images_per_second"]) == {"8", "32"}
    assert document["selection"]["part"] == "validation" and plot.stat().st_size > 5000
    assert document["advice"]["smallest"] == {"model": "m.sightline", "not_shown": ["m.tflite"]}
    assert not list(folder.glob("*benchmark*"))


def test_the_table_without_images(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)  # a long path would be folded,
    monkeypatch.setenv("COLUMNS", "160")  # and any in a narrow terminal
    words = ("benchmark", "m.tflite", "--seconds", "0.2")
    code, out, _ = run(capsys, *words)
    assert code == 0 and "m.tflite" in out and "p50 and p95 in ms" in out and "accuracy" not in out


def test_test_images_are_looked_at_and_an_export_alone_has_no_record(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--data", folder / "digits", "--seconds", "0.2")
    code, _, err = run(capsys, "benchmark", folder / "m.tflite", *words)
    assert code == 2 and "--on new" in err
    code, out, _ = run(capsys, "benchmark", folder / "m.tflite", *words, "--on", "new")
    assert code == 0 and "on 200 images" in out
    code, out, _ = run(capsys, "benchmark", folder / "m.sightline", *words, "--on", "test")
    assert code == 0 and "Fastest within 1 point: m.sightline" in out
    ledger = (folder / "m.looks.jsonl").read_text()
    assert ledger.count('"command":"benchmark"') == 1


def test_a_picture_needs_images(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("benchmark", folder / "m.tflite", "--plot", tmp_path / "p.png")
    code, _, err = run(capsys, *words)
    assert code == 2 and "--data" in err

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from sightline.errors import DataError, MissingPackageError
from sightline.reporting import read_history, save_curves

HEADER = "epoch,loss,accuracy,precision,recall,validation_loss,validation_accuracy\r\n"


def history(epochs: int) -> list[dict[str, float]]:
    figures = ("loss", "accuracy", "precision", "recall")
    return [
        {"epoch": epoch}
        | {name: epoch / 10 for name in figures}
        | {f"validation_{name}": epoch / 20 for name in figures}
        for epoch in range(1, epochs + 1)
    ]


@pytest.mark.parametrize("epochs", [1, 5])
def test_curves_are_a_picture_with_both_lines(tmp_path: Path, epochs: int) -> None:
    save_curves(history(epochs), tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    for colour in ((31, 119, 180), (255, 127, 14)):  # matplotlib's blue and orange
        assert (pixels == colour).all(axis=1).sum() > 50


def test_the_same_history_gives_the_same_bytes_and_touches_no_pyplot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it would fail
    settings = dict(matplotlib.rcParams.copy())  # reading the original would import pyplot
    for name in ("a.png", "b.png"):
        save_curves(history(3), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert dict(matplotlib.rcParams.copy()) == settings


def test_a_missing_figure_leaves_a_gap_and_no_history_is_an_error(tmp_path: Path) -> None:
    save_curves([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.4}], tmp_path / "few.png")
    assert (tmp_path / "few.png").exists()
    with pytest.raises(DataError, match="without epochs"):
        save_curves([], tmp_path / "none.png")


def test_without_matplotlib_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingPackageError, match="draw training curves") as caught:
        save_curves(history(2), tmp_path / "curves.png")
    assert caught.value.fix == "pip install 'sightline[train]'"


def test_a_history_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text(HEADER + "1,0.5,0.8,0.7,0.6,0.55,0.75\r\n2,0.4,0.9,0.8,0.7,0.5,0.8\r\n")
    rows = read_history(path)
    assert [row["epoch"] for row in rows] == [1, 2]
    assert rows[1]["validation_accuracy"] == 0.8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no epochs"),
        (HEADER, "no epochs"),
        ("loss\n0.5\n", "no epochs"),
        (HEADER + "1,0.5\n", "cannot be read"),
        (HEADER + "1,0.5,0.8,0.7,0.6,0.55,0.75,9\n", "cannot be read"),
        (HEADER + "1,high,0.8,0.7,0.6,0.55,0.75\n", "'high'"),
    ],
)
def test_what_is_no_history_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "history.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        read_history(path)
    assert caught.value.code == "bad_history"


def test_an_absent_history_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_history(tmp_path / "history.csv")

"""`sightline demo`, the first thing that a newcomer runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sightline.cli import main
from sightline.models.bundle import read_bundle

pytestmark = pytest.mark.train


def test_the_story(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    told = capsys.readouterr().out
    lines = told.splitlines()
    assert len(lines) < 40
    assert all(len(line) <= 100 for line in lines)
    assert "1,797 images of 10 classes" in told
    accuracy = re.search(r"accuracy on held-out images: ([\d.]+) \([\d.]+-[\d.]+, n=\d+\)", told)
    assert accuracy and float(accuracy[1]) > 0.95
    assert re.search(r"weakest class: \d, recall [\d.]+ \(.*n=\d+\)", told)
    assert re.search(r"\d/digits_\d+\.png: says \d \([\d.]+\), is \d", told)
    assert re.search(r"blends/\S+: (unsure|unlike the training data): \d \([\d.]+\) or \d", told)
    assert "broken.png: error truncated:" in told
    assert lines[-1].split() == ["sightline", "train", "ROOT"]
    assert read_bundle(tmp_path / "sightline-demo/digits.sightline").classes == tuple("0123456789")
    assert (tmp_path / "sightline-demo/digits.training/curves.png").is_file()

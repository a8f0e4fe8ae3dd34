"""`train --max-error`, `decide` and what `predict` makes of it, as a shell sees them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sightline.cli import main
from sightline.dataset import write_digits
from sightline.models.bundle import read_bundle

pytestmark = pytest.mark.train

NETWORK = (
    *("--weights", "none", "--backbone", "small_cnn", "--channels", "1", "--image-size", "32"),
    *("--epochs", "4", "--split", "0.5,0.35,0.15"),
)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_digits(tmp_path_factory.mktemp("data") / "digits", per_class=40)


@pytest.fixture(scope="module")
def model(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "digits.sightline"
    assert main(["train", str(digits), *NETWORK, "--coverage", "0.8", "--save", str(path)]) == 0
    return path


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_model_was_calibrated_on_images_that_did_not_choose_it(model: Path) -> None:
    bundle = read_bundle(model)
    rows = [row for row in bundle.record() if row.split == "validation"]
    calibrating = [row for row in rows if row.calibrates]
    assert len(rows) >= 60 and abs(2 * len(calibrating) - len(rows)) <= 10
    assert not any(row.calibrates for row in bundle.record() if row.split != "validation")
    held_out = bundle.held_out()
    assert held_out is not None and len(held_out.logits) == len(calibrating)
    calibration = bundle.metrics["calibration"]
    assert calibration["method"] == "held out of validation"
    assert calibration["images"] == len(calibrating)
    assert calibration["temperature"] != 1
    assert calibration["on_test"]["gain"]["n"] == bundle.metrics["test"]["n"]
    assert len(bundle.rules.unsure_below) == 1
    assert set(bundle.rules.promises) == {"unsure_below", "unlike_above"}


def test_the_rules_and_what_could_be_promised(
    model: Path, capsys: pytest.CaptureFixture[str], check_schema: Callable[[Any, str], None]
) -> None:
    code, out, _ = run(capsys, "decide", model)
    assert code == 0
    assert "at least 0.8 of the images get an answer" in out
    assert '"unlike the training data" beyond a distance of' in out
    assert "images that did not choose the model" in out and "cannot be: 0.01" in out
    assert all(len(line) <= 120 for line in out.splitlines()[2:])
    code, out, _ = run(capsys, "decide", model, "--json")
    assert code == 0
    document = json.loads(out)
    check_schema(document, "decide")
    offered = {one["max_error"]: one["coverage"] for one in document["offers"]}
    assert offered[0.01] is None and set(offered) == {0.01, 0.02, 0.05, 0.1, 0.2}


def test_new_rules_make_a_new_file_and_act_in_predict(
    model: Path, digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = model.read_bytes()
    own = tmp_path / "all.sightline"
    code, out, err = run(capsys, "decide", model, "--answer-all", "--save", own)
    assert (code, err) == (0, "")
    assert model.read_bytes() == before
    images = digits
    _, strict, _ = run(capsys, "predict", model, images, "--json")
    _, loose, _ = run(capsys, "predict", own, images, "--json")
    answers = [json.loads(line)["answer"] for line in strict.splitlines()]
    assert "unsure" in answers
    rows = [json.loads(line) for line in loose.splitlines()]
    assert "unsure" not in [row["answer"] for row in rows]
    assert all(row["distance"] is not None for row in rows)


def test_noise_is_unlike_the_training_data(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (200, 200), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    code, out, _ = run(capsys, "predict", model, tmp_path / "noise.png", "--json")
    row = json.loads(out)
    assert code == 0 and row["unlike"] is True
    assert row["answer"] == "unlike the training data"


def test_what_cannot_be_shown_ends_with_3_and_writes_nothing(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own.sightline"
    code, out, err = run(capsys, "decide", model, "--max-error", 0.001, "--save", own)
    assert (code, out) == (3, "") and not own.exists()
    assert "cannot show that at most 0.001" in err and "To do: " in err


def test_a_wish_that_training_cannot_fulfil_costs_no_model(
    digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own.sightline"
    words = (*NETWORK[:-4], "--epochs", 1, "--max-error", 0.001, "--save", own)
    code, out, err = run(capsys, "train", digits, *words)
    assert code == 3
    assert "saved " in out and own.is_file()
    assert f"saved without a rule that was asked for: {own}" in err
    assert "To do: " in err
    assert read_bundle(own).rules.unsure_below == ()


def test_a_wish_and_a_requirement_that_both_fail_are_both_told(
    digits: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    check_schema: Callable[[Any, str], None],
) -> None:
    own = tmp_path / "own.sightline"
    words = (*NETWORK[:-4], "--epochs", 1, "--max-error", 0.001, "--save", own)
    code, out, err = run(capsys, "train", digits, *words, "--require", "accuracy>=0.999", "--json")
    assert code == 3
    document, error = json.loads(out), json.loads(err.splitlines()[-1])
    check_schema(document, "train")
    assert set(document["refused"]) == {"what", "expected", "fix"}
    assert document["refused"]["what"] in error["what"]
    assert "1 of 1 requirements are not met: accuracy >= 0.999." in error["what"]
    assert error["what"].endswith(f"saved without a rule that was asked for: {own}")
    assert error["expected"].endswith("; intervals that clear every target")
    assert error["details"]["requirements"] == document["requirements"]


def test_a_requirement_that_is_not_met_costs_no_model(
    digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own.sightline"
    words = (*NETWORK[:-4], "--epochs", 1, "--save", own, "--require", "accuracy>=0.999")
    code, out, err = run(capsys, "train", digits, *words, "--json")
    assert code == 3
    assert json.loads(out)["refused"] is None
    error = json.loads(err.splitlines()[-1])
    assert error["code"] == "requirements_not_met"
    assert error["what"].endswith(f"The model is saved: {own}")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--max-error", 0.1), "not where the model is to go"),
        (("--save", "x.sightline"), "without a rule"),
        (("--max-error", 0.1, "--coverage", 0.9, "--save", "x.sightline"), "More than one"),
        (("--aim", "f1[4]", "--save", "x.sightline"), "10 classes is not defined"),
        (("--max-error", 7, "--save", "x.sightline"), "max_error is 7"),
        (("--coverage", 2, "--save", "x.sightline"), "coverage is 2"),
    ],
)
def test_wishes_that_make_no_sense_are_refused(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[object, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "decide", model, *words)
    assert (code, out) == (2, "")
    assert message in err and "To do: " in err
    assert list(tmp_path.iterdir()) == []

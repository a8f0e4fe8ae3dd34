"""`report`, and `evaluate --save`, as a shell sees them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sightline.cli import main
from sightline.dataset import write_digits
from sightline.models.bundle import read_bundle

pytestmark = pytest.mark.train

NETWORK = (
    *("--weights", "none", "--effort", "quick", "--backbone", "tutorial_cnn"),
    *("--option", "filters=[4,8]", "--option", "dense_units=16"),
    *("--channels", "1", "--image-size", "16", "--epochs", "2"),
)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_digits(tmp_path_factory.mktemp("data") / "digits", per_class=20)


@pytest.fixture(scope="module")
def model(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "digits.sightline"
    assert main(["train", str(digits), *NETWORK, "--save", str(path)]) == 0
    return path


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_page_is_written_and_what_it_says_is_said(
    model: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "report", model, digits)
    assert code == 0, err
    assert out.startswith("saved report.html (")
    accuracy = read_bundle(model).metrics["test"]["accuracy"]
    assert f"n={accuracy['n']}) on test images" in out
    page = Path("report.html").read_text()
    assert f"of {accuracy['n']} test images: {accuracy['value']:.3f}" in page
    assert "The audit" in page


def test_the_facts_as_json(
    model: Path,
    digits: Path,
    capsys: pytest.CaptureFixture[str],
    check_schema: Callable[[Any, str], None],
) -> None:
    words = ("--save", "facts.json", "--on", "validation", "--json")
    code, out, err = run(capsys, "report", model, digits, *words)
    assert code == 0, err
    document = json.loads(out)
    check_schema(document, "report")
    assert json.loads(Path("facts.json").read_text()) == document
    assert document["evaluation"] == read_bundle(model).metrics["validation"]
    assert document["part"] == "validation"
    assert sum(count["images"]["train"] for count in document["counts"]) == sum(
        row.split == "train" for row in read_bundle(model).record()
    )


def test_leaks_are_looked_for_between_the_splits_on_record(
    model: Path, digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = shutil.copytree(digits, tmp_path / "digits")
    train, test = (
        next(row for row in read_bundle(model).record() if row.split == split)
        for split in ("train", "test")
    )
    shutil.copy(data / test.name, data / train.name)
    assert run(capsys, "report", model, data, "--save", "facts.json")[0] == 0
    findings = json.loads(Path("facts.json").read_text())["findings"]
    copies = [one for one in findings if {train.name, test.name} <= set(one["paths"])]
    assert copies, [one["check"] for one in findings]


def test_a_page_on_the_test_images_is_a_look_at_them(
    model: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = model.with_suffix(".looks.jsonl")
    before = len(ledger.read_text().splitlines())
    code, _, err = run(capsys, "report", model, digits, "--save", "facts.json")
    assert code == 0
    lines = ledger.read_text().splitlines()
    assert len(lines) == before + 1
    assert json.loads(lines[-1])["command"] == "report"
    assert f"test read {before + 1} times: train 1" in err
    assert len(json.loads(Path("facts.json").read_text())["looks"]) == before + 1
    run(capsys, "report", model, digits, "--save", "chosen.json", "--on", "validation")
    assert len(ledger.read_text().splitlines()) == before + 1


def test_a_card_is_shown(model: Path, digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "report", "--card-template")
    assert code == 0
    Path("card.toml").write_text(out.replace('limits = ""', 'limits = "Only <digits>."'))
    assert run(capsys, "report", model, digits, "--card", "card.toml")[0] == 0
    assert "Only &lt;digits&gt;." in Path("report.html").read_text()
    Path("card.toml").write_text('limit = "x"')
    code, _, err = run(capsys, "report", model, digits, "--card", "card.toml", "--overwrite")
    assert code == 2
    assert "Did you mean 'limits'?" in err


@pytest.mark.parametrize("verb", ["report", "evaluate"])
def test_what_stands_there_is_kept(
    verb: str, model: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("page.html").write_text("mine")
    code, _, err = run(capsys, verb, model, digits, "--save", "page.html")
    assert code == 2
    assert "--overwrite" in err
    assert Path("page.html").read_text() == "mine"
    assert run(capsys, verb, model, digits, "--save", "page.html", "--overwrite")[0] == 0
    assert Path("page.html").read_text() != "mine"
    assert run(capsys, verb, model, digits, "--save", "page.pdf")[0] == 2


def test_evaluate_saves_what_it_says(
    model: Path,
    digits: Path,
    capsys: pytest.CaptureFixture[str],
    check_schema: Callable[[Any, str], None],
) -> None:
    code, out, err = run(capsys, "evaluate", model, digits, "--save", "facts.json", "--json")
    assert code == 0
    assert "saved facts.json" in err
    facts = json.loads(Path("facts.json").read_text())
    check_schema(facts, "report")
    assert facts["evaluation"] == json.loads(out)["evaluation"]
    assert facts["findings"] is None

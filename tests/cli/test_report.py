"""`report`, `audit --save` and `evaluate --save`, as a shell sees them."""

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
from sightline.workflows.looks import looks

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
    lines = ledger.read_text().splitlines()
    before = len(looks(model, read_bundle(model)))
    code, _, err = run(capsys, "report", model, digits, "--save", "facts.json")
    assert code == 0
    *earlier, last = ledger.read_text().splitlines()
    assert earlier == lines
    assert json.loads(last)["command"] == "report"
    assert f"test read {before + 1} times: train 1" in err
    assert len(json.loads(Path("facts.json").read_text())["looks"]) == before + 1
    run(capsys, "report", model, digits, "--save", "chosen.json", "--on", "validation")
    assert ledger.read_text().splitlines() == [*lines, last]


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


def test_a_thorough_report_leaves_little_unlooked_at(
    model: Path,
    digits: Path,
    capsys: pytest.CaptureFixture[str],
    check_schema: Callable[[Any, str], None],
) -> None:
    code, _, err = run(capsys, "report", model, digits, "--thorough")
    assert code == 0, err
    page = Path("report.html").read_text()
    assert "where the model looked" in page
    assert "(Grad-CAM)" in page
    assert "Worse images" in page
    assert "--thorough" not in page
    code, out, _ = run(capsys, "report", model, digits, "--thorough", "--save", "a.json", "--json")
    assert code == 0
    document = json.loads(out)
    check_schema(document, "report")
    assert document["doubts"] is not None
    assert len(document["stress"]) == 7
    assert document["heatmaps"] == ""


def test_a_plain_report_says_what_a_thorough_one_adds(
    model: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "report", model, digits)[0] == 0
    page = Path("report.html").read_text()
    assert page.count("<code>sightline report --thorough</code> does") == 2
    assert "where the model looked" not in page


def test_each_report_on_the_test_images_is_a_look(
    model: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = len(looks(model, read_bundle(model)))
    _, _, err = run(capsys, "report", model, digits, "--save", "facts.json")
    after = looks(model, read_bundle(model))
    assert [one.command for one in after[before:]] == ["report"]
    assert f"test read {len(after)} times" in err
    told = json.loads(Path("facts.json").read_text())["looks"]
    assert [one["command"] for one in told] == [f"sightline {one.command}" for one in after]
    run(
        capsys, "report", model, digits, "--on", "validation", "--save", "facts.json", "--overwrite"
    )
    assert looks(model, read_bundle(model)) == after
    assert json.loads(Path("facts.json").read_text())["looks"] is None


def test_an_audit_is_saved_and_what_stands_there_is_kept(
    digits: Path, capsys: pytest.CaptureFixture[str], check_schema: Callable[[Any, str], None]
) -> None:
    code, _, err = run(capsys, "audit", digits, "--save", "findings.html")
    assert code == 0, err
    assert "saved findings.html" in err
    assert "200 images of 10 classes" in Path("findings.html").read_text()
    code, _, err = run(capsys, "audit", digits, "--save", "findings.html")
    assert code == 2 and "--overwrite" in err
    assert run(capsys, "audit", digits, "--save", "findings.pdf")[0] == 2
    assert run(capsys, "audit", digits, "--save", "findings.html", "--overwrite")[0] == 0
    code, out, _ = run(capsys, "audit", digits, "--save", "findings.json", "--json")
    document = json.loads(out)
    check_schema(document, "audit")
    assert json.loads(Path("findings.json").read_text()) == document
    assert sum(document["splits"].values()) == document["images"] == 200


def test_an_audit_with_a_model_shows_doubtful_labels_and_is_saved_though_it_fails(
    model: Path, digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = Path(shutil.copytree(digits, tmp_path / "digits"))
    image = next((data / "1").iterdir())
    shutil.copy(image, data / "2" / "copy.png")
    code, _, err = run(capsys, "audit", data, "--with", model, "--save", "findings.html")
    assert code == 3, err
    page = Path("findings.html").read_text()
    assert "sees fewer of them" in page
    assert "conflict" in page
    assert page.count(">2/copy.png<") >= 1

"""`train`, `evaluate` and `predict` as a shell sees them."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sightline.cli import main
from sightline.dataset import write_digits
from sightline.files import sha256_bytes
from sightline.models.bundle import WEIGHTS, read_bundle

pytestmark = pytest.mark.train

NETWORK = (
    *("--weights", "none", "--effort", "quick", "--backbone", "tutorial_cnn"),
    *("--option", "filters=[4,8]", "--option", "dense_units=16"),
    *("--channels", "1", "--image-size", "16"),
)
PROGRAM = "import sys, sightline.cli as c; sys.exit(c.main())"


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_digits(tmp_path_factory.mktemp("data") / "digits", per_class=20)


@pytest.fixture(scope="module")
def model(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "digits.sightline"
    assert main(["train", str(digits), *NETWORK, "--epochs", "2", "--save", str(path)]) == 0
    return path


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


Check = Callable[[Any, str], None]


def test_train_as_json(
    digits: Path, capsys: pytest.CaptureFixture[str], check_schema: Check
) -> None:
    code, out, err = run(capsys, "train", digits, *NETWORK, "--epochs", 1, "--json")
    assert code == 0, err
    document = json.loads(out)
    check_schema(document, "train")
    assert document["bundle"] == "digits.sightline"
    assert Path(document["bundle"]).is_file()
    assert document["epochs"] == 1
    assert document["verification"]["passed"] is True
    assert document["recipe"]["optimisation"]["epochs"] == 1
    assert "epoch 1:" in err


def test_train_in_words(digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "train", digits, *NETWORK, "--epochs", 1)
    assert code == 0
    assert "200 images, 10 classes: train" in out
    assert "Accuracy" in out
    assert "saved digits.sightline" in out
    assert out.splitlines()[-1] == "next: sightline predict digits.sightline PHOTOS"
    for figure in ("loss", "accuracy", "precision", "recall", "validation"):
        assert figure in err


def test_evaluate_as_json(
    model: Path, digits: Path, capsys: pytest.CaptureFixture[str], check_schema: Check
) -> None:
    code, out, _ = run(capsys, "evaluate", model, digits, "--json")
    assert code == 0
    document = json.loads(out)
    check_schema(document, "evaluate")
    check_schema(document["evaluation"], "evaluation")
    assert document["evaluation"] == read_bundle(model).metrics["test"]
    assert document["selection"]["judged"] == document["evaluation"]["n"]


def test_evaluate_in_words_accounts_for_all_images(
    model: Path, digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = shutil.copytree(digits, tmp_path / "digits")
    record = read_bundle(model).record()
    gone = next(row for row in record if row.split == "test")
    (data / gone.name).unlink()
    image = (digits / "3" / "digits_0001.png").read_bytes()
    (data / "3" / "new.png").write_bytes(image + b"\0")
    code, out, err = run(capsys, "evaluate", model, data)
    tests = sum(row.split == "test" for row in record)
    assert code == 0
    assert f"{tests - 1} images of the part 'test'" in out
    assert "1 images are not on the model's record: new, or left out" in err
    assert "1 images are on record for this part and were not given" in err
    assert "were trained on and are left out" in err
    assert "Surest mistakes" in out


def test_requirements_decide_the_exit_code_after_the_figures(
    model: Path, digits: Path, capsys: pytest.CaptureFixture[str], check_schema: Check
) -> None:
    ask = ("evaluate", model, digits, "--require", "log_loss<=1000")
    code, out, err = run(capsys, *ask)
    assert code == 0 and "met: log_loss" in out
    ask = (*ask, "--require", "recall[3]>=0.99")
    code, out, err = run(capsys, *ask)
    assert code == 3
    assert "Accuracy" in out and "NOT MET: recall[3]" in out
    assert "1 of 2 requirements" in err
    code, out, err = run(capsys, *ask, "--json")
    assert code == 3
    document = json.loads(out)
    check_schema(document, "evaluate")
    assert [one["passed"] for one in document["requirements"]] == [True, False]
    assert json.loads(err.splitlines()[-1])["code"] == "requirements_not_met"


def test_another_balance_of_classes(
    model: Path, digits: Path, capsys: pytest.CaptureFixture[str], check_schema: Check
) -> None:
    words = ("evaluate", model, digits, "--prevalence", "3=0.5", "--prevalence", "4=0.01")
    code, out, err = run(capsys, *words)
    assert code == 0, err
    assert "In use, with other shares of the classes" in out
    code, out, _ = run(capsys, *words, "--require", "in_use.precision[4]>=0.001", "--json")
    document = json.loads(out)
    check_schema(document["evaluation"], "evaluation")
    shares = {one["name"]: one["share"] for one in document["evaluation"]["in_use"]["classes"]}
    assert (shares["3"], shares["4"]) == pytest.approx((0.5, 0.01))
    assert sum(shares.values()) == pytest.approx(1)


def test_a_model_that_misses_a_requirement_is_saved_all_the_same(
    digits: Path, capsys: pytest.CaptureFixture[str], check_schema: Check
) -> None:
    words = ("--epochs", 1, "--require", "accuracy>=0.999", "--json")
    code, out, err = run(capsys, "train", digits, *NETWORK, *words)
    assert code == 3, err
    document = json.loads(out)
    check_schema(document, "train")
    saved = read_bundle(Path(document["bundle"]))
    assert saved.metrics["requirements"] == document["requirements"]
    assert document["requirements"][0]["passed"] is False


def test_predict_as_json_lines(
    model: Path,
    digits: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    check_schema: Check,
) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    image = digits / "3" / "digits_0001.png"
    code, out, err = run(capsys, "predict", model, image, "broken.png", digits / "4", "--json")
    assert code == 0
    rows = [json.loads(line) for line in out.splitlines()]
    for row in rows:
        check_schema(row, "prediction")
    assert [row["name"] for row in rows[:2]] == [str(image), "broken.png"]
    assert rows[1]["error"]["code"]
    assert len(rows) == 22
    assert "1 of 22 images could not be answered" in err


def test_predict_saves_what_it_says(
    model: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "predict", model, digits / "4", "--save", "a.csv", "--top", 2)
    assert code == 0
    assert out == "a.csv: 20 rows\n"
    assert len(Path("a.csv").read_text().splitlines()) == 21
    code, _, err = run(capsys, "predict", model, digits / "4", "--save", "a.csv")
    assert code == 2
    assert "--overwrite" in err


def test_unsure_answers(model: Path, digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "predict", model, digits / "4", "--unsure-below", 1, "--json")
    assert {json.loads(line)["answer"] for line in out.splitlines()} == {"unsure"}


FAILURES: dict[str, tuple[Sequence[str], int, str]] = {
    "no data": (("train", "nowhere"), 2, "no_such_path"),
    "an unknown option": (("train", "{digits}", "--epoch", "1"), 2, "usage"),
    "an option without effect": (
        ("train", "{digits}", "--effort", "quick", "--epochs", "3"),
        2,
        "option_without_effect",
    ),
    "an unknown network": (("train", "{digits}", "--backbone", "resnet"), 2, "unknown_backbone"),
    "a size that is none": (("train", "{digits}", "--image-size", "big"), 2, "bad_image_size"),
    "a file in the way": (("train", "{digits}", "--save", "{model}"), 2, "exists"),
    "one class": (("train", "{digits}/3"), 3, ""),
    "no model": (("evaluate", "absent.sightline", "{digits}"), 4, "no_such_model"),
    "a damaged model": (("predict", "{damaged}", "{digits}"), 4, "damaged_model"),
    "no images": (("predict", "{model}", "nowhere.png"), 2, "no_such_path"),
    "another part": (("evaluate", "{model}", "{digits}", "--on", "train"), 2, "trained_on"),
    "nothing new": (("evaluate", "{model}", "{digits}", "--on", "new"), 3, "nothing_to_judge"),
    "an unknown metric": (
        ("evaluate", "{model}", "{digits}", "--require", "recal[3]>=0.9"),
        2,
        "unknown_metric",
    ),
    "an unknown class": (
        ("evaluate", "{model}", "{digits}", "--require", "recall[33]>=0.9"),
        2,
        "unknown_class",
    ),
    "a class to train without": (
        ("train", "{digits}", "--require", "recall[33]>=0.9"),
        2,
        "unknown_class",
    ),
    "a share that is none": (
        ("evaluate", "{model}", "{digits}", "--prevalence", "3=2"),
        2,
        "bad_prevalence",
    ),
    "a figure in use without shares": (
        ("evaluate", "{model}", "{digits}", "--require", "in_use.accuracy>=0.1"),
        2,
        "not_measured",
    ),
    "no such origin": (("train", "{digits}", "--from", "absent.sightline"), 4, "no_such_model"),
}


@pytest.mark.parametrize(("words", "exit_code", "code"), FAILURES.values(), ids=FAILURES.keys())
def test_typical_failures(
    words: Sequence[str],
    exit_code: int,
    code: str,
    digits: Path,
    model: Path,
    capsys: pytest.CaptureFixture[str],
    check_schema: Check,
) -> None:
    Path("damaged.sightline").write_bytes(model.read_bytes()[:5000])
    places = {"digits": digits, "model": model, "damaged": "damaged.sightline"}
    filled = [word.format(**places) for word in words]
    given, out, err = run(capsys, *filled, "--json")
    assert given == exit_code
    assert out == ""
    document = json.loads(err.splitlines()[-1])
    check_schema(document, "error")
    assert document["exit_code"] == exit_code
    assert not code or document["code"] == code
    given, _, err = run(capsys, *filled)
    assert given == exit_code
    assert err.startswith(("Error: ", "Usage: ")) or "\nError: " in err
    assert "Traceback" not in err


# Processes that are stopped


def begin(digits: Path, *words: str, epochs: int = 40) -> subprocess.Popen[str]:
    command = ["train", str(digits), *NETWORK, "--epochs", str(epochs), "--save", "a.sightline"]
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *command, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_epoch(child: subprocess.Popen[str]) -> None:
    """Return once an epoch is done; the run is then in the middle of its steps, or ended."""
    if child.stderr is None:
        raise ValueError("standard error is not read")
    for line in child.stderr:
        if line.startswith("epoch"):
            return


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_training_with_its_state_saved(digits: Path, number: int, code: int) -> None:
    child = begin(digits, "--json", epochs=400)
    wait_for_epoch(child)
    child.send_signal(number)
    out, err = child.communicate(timeout=60)
    assert child.returncode == code, err
    assert out == ""
    document = json.loads(err.splitlines()[-1])
    assert (document["code"], document["exit_code"]) == ("interrupted", code)
    assert "--resume" in document["fix"]
    assert list(Path("a.training/checkpoints").glob("*.checkpoint"))
    assert not Path("a.sightline").exists()


def test_a_second_signal_ends_it_at_once(digits: Path) -> None:
    child = begin(digits, epochs=400)
    wait_for_epoch(child)
    os.kill(child.pid, signal.SIGSTOP)  # both signals are there before it runs on
    child.send_signal(signal.SIGTERM)
    child.send_signal(signal.SIGINT)
    os.kill(child.pid, signal.SIGCONT)
    _, err = child.communicate(timeout=60)
    assert child.returncode in (130, 143)
    assert "Error" not in err, "it went without a word"


def test_killed_at_any_instant_and_resumed_it_ends_with_the_same_weights(
    digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = ["train", digits, *NETWORK, "--epochs", 150, "--save", "whole.sightline"]
    assert run(capsys, *whole)[0] == 0
    instants = [random.uniform(0, 2) for _ in range(2)]
    words: tuple[str, ...] = ()
    for instant in instants:
        child = begin(digits, *words, epochs=150)
        wait_for_epoch(child)
        time.sleep(instant)
        child.kill()
        child.communicate(timeout=60)
        words = ("--resume", "--overwrite")
    child = begin(digits, *words, epochs=150)
    _, err = child.communicate(timeout=120)
    assert child.returncode == 0, (instants, err)
    sums = [
        sha256_bytes(read_bundle(path).members[WEIGHTS])
        for path in ("whole.sightline", "a.sightline")
    ]
    assert sums[0] == sums[1], instants
    assert not list(tmp_path.glob(".a.sightline*.tmp"))


def test_a_full_disk_while_the_model_is_saved(
    digits: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A limit on the size of files stands for the disk: logs fit, the model does not."""
    shutil.copy(model, "a.sightline")
    before = Path("a.sightline").read_bytes()
    program = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (180_000, resource.RLIM_INFINITY))
{PROGRAM}
"""
    words = ["train", str(digits), *NETWORK, "--epochs", "1", "--save", "a.sightline"]
    child = subprocess.run(
        [sys.executable, "-c", program, *words, "--overwrite", "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert child.returncode == 5, child.stderr
    assert json.loads(child.stderr.splitlines()[-1])["code"] == "disk_full"
    assert Path("a.sightline").read_bytes() == before
    code, _, err = run(capsys, *words, "--resume")
    assert code == 0, err
    assert "epoch 1" not in err, "what was trained is not trained again"


def write_noise(folder: Path, *, per_class: int, classes: str = "xy") -> Path:
    """Write sharp pictures in which nothing is to be found."""
    rng = np.random.default_rng(0)
    for label in classes:
        (folder / label).mkdir(parents=True)
        for i in range(per_class):
            levels = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
            Image.fromarray(levels).save(folder / label / f"{rng.integers(10**9)}{i}.png")
    return folder


def test_an_audit_that_finds_nothing_says_so(tmp_path: Path, capsys) -> None:
    code, out, err = run(capsys, "audit", write_noise(tmp_path / "many", per_class=30))
    assert code == 0, err
    first, second, *rest = out.splitlines()
    assert (first, second) == ("60 images, 2 classes", "Nothing was found.")
    assert [line.split(" (")[0] for line in rest] == ["Not run: label_error", "Not run: outlier"]


def test_an_audit_lists_the_checks_that_it_did_not_run(tmp_path: Path, capsys) -> None:
    few = write_noise(tmp_path / "few", per_class=4)
    reason = "needs two classes of 20 different images"
    _, out, _ = run(capsys, "audit", few)
    assert out.splitlines()[-1] == f"Not run: shortcut ({reason})."
    _, out, _ = run(capsys, "audit", few, "--json")
    assert {"check": "shortcut", "reason": reason} in json.loads(out)["not_run"]


def test_many_findings_of_one_check_are_told_up_to_twenty_and_counted(
    tmp_path: Path, capsys
) -> None:
    data = write_noise(tmp_path / "copies", per_class=24)
    for path in [*data.glob("*/*.png")][:23]:
        (path.parent / f"copy-{path.name}").write_bytes(path.read_bytes())
    code, _, err = run(capsys, "audit", data)
    assert code == 0
    assert err.count("2 copies of") == 20 and "and 3 more of [duplicate]" in err


def test_an_audit_tells_the_worst_first(tmp_path: Path, capsys, check_schema) -> None:
    data = write_noise(tmp_path / "worse", per_class=4)
    (data / "x" / "broken.jpg").write_bytes(b"")
    Image.new("L", (64, 64), 9).save(data / "y" / "plain.png")
    code, out, _ = run(capsys, "audit", data, "--json")
    assert code == 3
    document = json.loads(out)
    check_schema(document, "audit")
    severities = [finding["severity"] for finding in document["findings"]]
    assert severities == sorted(severities, key=["error", "warning", "info"].index)
    assert set(severities) == {"error", "warning", "info"}


@pytest.mark.parametrize("command", ["audit", "evaluate"])
def test_a_check_to_allow_must_exist(command: str, digits: Path, model: Path, capsys) -> None:
    words = [model] if command == "evaluate" else []
    code, _, err = run(capsys, command, *words, digits, "--allow", "leek")
    assert code == 2
    assert "Did you mean 'leak'?" in err

"""`compare` as a shell sees it, and how looks at test images are told."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sightline.cli import main
from sightline.dataset import write_digits
from sightline.models.bundle import read_bundle, write_bundle
from sightline.models.rules import Rules

pytestmark = pytest.mark.train

NETWORK = (
    *("--weights", "none", "--effort", "quick", "--backbone", "tutorial_cnn"),
    *("--option", "filters=[4,8]", "--option", "dense_units=16"),
    *("--channels", "1", "--image-size", "16"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("compare")
    write_digits(folder / "digits", per_class=20)
    with pytest.MonkeyPatch.context() as patch:
        # Other tests may train the very same models, and look at them.
        patch.setenv("SIGHTLINE_CACHE", str(folder / "cache"))
        for name, epochs in (("a", 1), ("b", 12)):
            words = [*NETWORK, "--epochs", str(epochs), "--save", str(folder / f"{name}.sightline")]
            assert main(["train", str(folder / "digits"), *words]) == 0
        yield folder


def write_noise(folder: Path) -> None:
    for number, label in enumerate("01"):
        (folder / label).mkdir(parents=True)
        levels = np.random.default_rng(number).integers(0, 256, (32, 32), dtype=np.uint8)
        Image.fromarray(levels).save(folder / label / "noise.png")


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def test_two_models_are_compared(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = folder / "a.sightline", folder / "b.sightline"
    code, out, err = run(capsys, "compare", *paths, folder / "digits")
    assert code == 0, err
    assert "images that both hold out as 'test'" in out
    assert "B is better" in out or "Not told apart" in out
    assert "the same probabilities" not in out
    assert "were trained on by A or B and are left out" in err
    assert "A: test read 2 times: train 1, compare 1" in err
    assert err.count("have judged 2 models here") == 1


def test_compare_as_json(
    folder: Path, capsys: pytest.CaptureFixture[str], check_schema: Callable[[Any, str], None]
) -> None:
    paths = folder / "a.sightline", folder / "b.sightline"
    code, out, err = run(
        capsys, "compare", *paths, folder / "digits", "--on", "validation", "--json"
    )
    assert code == 0, err
    document = json.loads(out)
    check_schema(document, "compare")
    assert document["looks"] == [None, None]
    comparison, selection = document["comparison"], document["selection"]
    assert comparison["n"] == selection["judged"]
    assert selection["judged"] + selection["seen"] + selection["other"] == 200
    differ = comparison["only_before"] + comparison["only_after"]
    kinds = [change["kind"] for change in comparison["changes"]]
    assert kinds.count("broken") + kinds.count("fixed") == differ
    assert comparison["before"]["value"] + comparison["gain"]["value"] == pytest.approx(
        comparison["after"]["value"]
    )


def test_the_same_network_with_other_rules(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    check_schema: Callable[[Any, str], None],
) -> None:
    model, strict = folder / "b.sightline", tmp_path / "strict.sightline"
    write_bundle(strict, replace(read_bundle(model), rules=Rules(unsure_below=(0.9,))))
    code, out, err = run(capsys, "compare", model, strict, folder / "digits")
    assert code == 0, err
    assert "By the rules of B" in out and "By the rules of A" not in out
    assert "A and B give every image the same probabilities." in out
    assert err.count("test read") == 1  # one network has looked once
    _, out, _ = run(capsys, "compare", model, strict, folder / "digits", "--json")
    document = json.loads(out)
    check_schema(document, "compare")
    before, after = document["answered"]
    assert before is None and after["coverage"]["value"] < 1
    assert after["coverage"]["n"] == document["comparison"]["n"]


def test_evaluate_says_how_often_the_test_was_read(
    folder: Path, capsys: pytest.CaptureFixture[str], check_schema: Callable[[Any, str], None]
) -> None:
    words = ("evaluate", folder / "a.sightline", folder / "digits")
    _, out, err = run(capsys, *words, "--json")
    first = json.loads(out)
    check_schema(first, "evaluate")
    assert f"test read {first['looks']['count']} times: train 1" in err
    _, out, _ = run(capsys, *words, "--json")
    assert json.loads(out)["looks"]["count"] == first["looks"]["count"] + 1
    _, out, err = run(capsys, *words, "--on", "validation", "--json")
    assert json.loads(out)["looks"] is None
    assert "test read" not in err


def test_stress_as_json_and_in_words(
    folder: Path, capsys: pytest.CaptureFixture[str], check_schema: Callable[[Any, str], None]
) -> None:
    words = ("stress", folder / "b.sightline", folder / "digits", "--images", 12)
    code, out, err = run(capsys, *words, "--json")
    assert code == 0, err
    document = json.loads(out)
    check_schema(document, "stress")
    assert document["clean"]["n"] == 12 < document["available"]
    assert "stress 1 (docs/evaluation.md#the-sealed-test)" in err
    _, out, _ = run(capsys, *words, "--on", "validation")
    assert "12 of " in out
    assert "images of the part 'validation'" in out
    assert "worse than clean beyond chance" in out


def test_neither_verb_loads_tensorflow(
    folder: Path, sightline_process: Callable[..., Any], tmp_path: Path
) -> None:
    """A module of that name that cannot be imported stands in its way."""
    (tmp_path / "tensorflow.py").write_text("raise RuntimeError('loaded')\n")
    model, data = str(folder / "a.sightline"), str(folder / "digits")
    for words in (["compare", model, model], ["stress", "--images", "2", model]):
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        done = sightline_process(*words, data, "--on", "validation", env=environment)
        assert done.returncode == 0, done.stderr


def test_models_of_other_classes_are_refused_in_three_parts(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("0", "1", "2"):
        shutil.copytree(folder / "digits" / name, tmp_path / "few" / name)
    other = tmp_path / "few.sightline"
    words = [*NETWORK, "--epochs", "1", "--save", str(other)]
    assert main(["train", str(tmp_path / "few"), *words]) == 0
    code, _, err = run(capsys, "compare", folder / "a.sightline", other, folder / "digits")
    assert code == 3
    assert "only the first knows 3, 4, 5, 6, 7, 8, 9" in err
    assert "Expected: " in err
    assert "To do: " in err
    # Nor does it help to have no images in common: no advice that leads to this error.
    write_noise(tmp_path / "noise")
    code, _, err = run(capsys, "compare", folder / "a.sightline", other, tmp_path / "noise")
    assert code == 3
    assert "only the first knows 3, 4" in err and "--on new" not in err

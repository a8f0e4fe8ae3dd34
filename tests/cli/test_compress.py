"""`compress` as a shell sees it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline.cli import main
from sightline.dataset import write_digits
from sightline.inference import LiteRTRunner
from sightline.models.bundle import read_bundle

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("compress")
    write_digits(folder / "digits", per_class=20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGHTLINE_CACHE", str(folder / "cache"))
        words = [
            *("--weights", "none", "--effort", "quick", "--backbone", "tutorial_cnn"),
            *("--option", "filters=[8,16]", "--option", "dense_units=32", "--channels", "1"),
            *("--image-size", "16", "--epochs", "3", "--save", str(folder / "m.sightline")),
        ]
        assert main(["train", str(folder / "digits"), *words]) == 0
        yield folder


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = main(["compress", *map(str, words)])
    out, err = capsys.readouterr()
    return code, out, err


def test_channels_are_pruned_and_it_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], check_schema: Callable[[Any, str], None]
) -> None:
    original, path = folder / "m.sightline", folder / "pruned.sightline"
    words = (original, folder / "digits", "--method", "channels", "--save", path, "--keep", "0.4")
    code, out, err = run(capsys, *words, "--epochs", "1", "--json")
    assert code == 0, err
    document = json.loads(out)
    check_schema(document, "compress")
    assert document["after"]["multiply_adds"] <= 0.4 * document["before"]["multiply_adds"]
    assert document["after"]["bytes"] < document["before"]["bytes"]
    assert document["options"]["keep"] == 0.4
    assert [look["count"] for look in document["looks"]] == [2, 1]
    before, after = read_bundle(original), read_bundle(path)
    assert after.architecture.widths and not before.architecture.widths
    assert after.record() == before.record()
    assert after.recipe["compression"]["method"] == "channels"
    assert LiteRTRunner(after).classes == before.classes
    page = folder / "page.json"
    assert main(["report", str(path), str(folder / "digits"), "--save", str(page)]) == 0
    assert json.loads(page.read_text())["schema"] == "report"


def test_a_student_may_see_smaller_images(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "student.sightline"
    words = (folder / "m.sightline", folder / "digits", "--method", "distill", "--save", path)
    student = ("--image-size", "12", "--backbone-option", "filters=[4,8]")
    code, out, err = run(capsys, *words, *student, "--epochs", "1")
    assert code == 0, err
    assert "times as fast" in out and "multiply-adds" in out
    made = read_bundle(path)
    assert (made.architecture.height, made.preprocessing.width) == (12, 12)
    assert made.architecture.options["filters"] == (4, 8)
    assert made.recipe["distillation"]["temperature"] == 2.0
    code, _, err = run(capsys, *words, *student)
    assert code == 2 and "--overwrite" in err


def test_a_pruned_model_can_be_trained_for_8_bits(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pruned, trained = folder / "zeros.sightline", folder / "int8.sightline"
    words = (folder / "m.sightline", folder / "digits", "--method", "magnitude", "--save", pruned)
    code, out, err = run(capsys, *words, "--sparsity", "0.75", "--epochs", "1")
    assert code == 0, err
    assert "gzip" in out
    words = (pruned, folder / "digits", "--method", "int8", "--save", trained, "--epochs", "1")
    code, _, err = run(capsys, *words)
    assert code == 0, err
    made = read_bundle(trained)
    assert made.architecture.quantized and made.recipe["compression"]["method"] == "int8"
    kernel = made.weights()["conv_2/kernel"]
    assert np.count_nonzero(kernel) <= 0.25 * kernel.size + 1  # zeros stay


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--method", "distil"), "Did you mean 'distill'"),
        (("--method", "distill", "--keep", "0.5"), "has no option 'keep'"),
        (("--method", "channels", "--keep", "1.5"), "keep is 1.5"),
        (("--method", "distill", "--backbone", "mobilenet_v4"), "Did you mean 'mobilenet_v"),
    ],
)
def test_a_mistake_is_told_before_an_image_is_read(
    folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    save = folder / "never.sightline"
    code, _, err = run(capsys, folder / "m.sightline", folder / "digits", "--save", save, *words)
    assert code == 2
    assert message in err
    assert not save.exists()


def test_other_images_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    others = write_digits(folder / "others", per_class=3)
    for path in others.rglob("*.png"):
        path.write_bytes(path.read_bytes() + b"\0")
    words = ("--method", "channels", "--save", folder / "never.sightline")
    code, _, err = run(capsys, folder / "m.sightline", others, *words)
    assert code == 3
    assert "None of the images given are train or validation or test images" in err

"""`verify`, as a shell sees it: an export is the same, and one that was tampered with is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from sightline.cli import main
from sightline.dataset import write_digits
from sightline.files import sha256_file
from sightline.models.bundle import WEIGHTS, read_bundle, write_bundle
from sightline.models.members import pack_weights

pytestmark = pytest.mark.train

NETWORK = (
    *("--weights", "none", "--backbone", "small_cnn", "--channels", "1", "--image-size", "32"),
    *("--epochs", "12", "--split", "0.5,0.35,0.15"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify")
    data = write_digits(folder / "digits", per_class=40)
    model = folder / "m.sightline"
    assert main(["train", str(data), *NETWORK, "--save", str(model)]) == 0
    for name, words in (("m", ()), ("small", ("--quantize", "int8"))):
        path = folder / f"{name}.tflite"
        assert main(["export", str(model), str(data), "--save", str(path), *words]) == 0
    return folder


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def against(folder: Path) -> tuple[object, ...]:
    return folder / "digits", "--against", folder / "m.sightline"


@pytest.mark.parametrize("name", ["m", "small"])
def test_an_export_is_the_same_as_its_source(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    check_schema: Callable[[Any, str], None],
    name: str,
) -> None:
    path = folder / f"{name}.tflite"
    code, out, _ = run(capsys, "verify", path)
    assert code == 0 and out.splitlines()[-1].startswith("the same as when it was written")
    code, out, _ = run(capsys, "verify", path, *against(folder))
    assert code == 0 and out.splitlines()[-1] == "the same"
    code, out, err = run(capsys, "verify", path, *against(folder), "--json")
    assert code == 0, err
    document = json.loads(out)
    check_schema(document, "verify")
    on_card = json.loads((folder / f"{name}.tflite.json").read_text())["verification"]
    assert document["verification"] == on_card and document["notes"] == []


def test_a_tolerance_of_nothing_refuses_what_was_rounded(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (folder / "small.tflite", *against(folder), "--tolerance", "0")
    code, _, err = run(capsys, "verify", *words)
    assert code == 3 and "disagrees with its source" in err and "nothing was written" not in err


def test_a_tolerance_that_an_export_was_written_with_is_told_not_taken(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, card = tmp_path / "m.tflite", tmp_path / "m.tflite.json"
    for suffix in ("", ".json"):
        (tmp_path / f"m.tflite{suffix}").write_bytes((folder / f"m.tflite{suffix}").read_bytes())
    arrays = load_file(folder / "m.tflite.safetensors")
    save_file({**arrays, "logits": arrays["logits"] + 1}, tmp_path / "m.tflite.safetensors")
    told = json.loads(card.read_text())
    told["arrays"] = sha256_file(tmp_path / "m.tflite.safetensors")
    card.write_text(json.dumps(told))
    code, _, err = run(capsys, "verify", path)
    assert code == 3 and "do not use it" in err
    told["verification"]["pixels"]["tolerance"] = 0.9
    card.write_text(json.dumps(told))
    code, _, err = run(capsys, "verify", path)
    assert code == 3 and "written with --tolerance 0.9" in err


def test_another_file_in_its_place_is_not_the_same(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for suffix in ("", ".json", ".safetensors"):
        source = folder / f"m.tflite{suffix}"
        (tmp_path / source.name).write_bytes(source.read_bytes())
    path, card = tmp_path / "m.tflite", tmp_path / "m.tflite.json"
    # Whoever can write the file can write the card: the digest alone would not tell.
    told = json.loads(card.read_text())
    card.write_text(json.dumps({**told, "classes": told["classes"][::-1]}))
    code, _, err = run(capsys, "verify", path)
    assert code == 4 and "says other than the file says of itself" in err
    path.write_bytes((folder / "small.tflite").read_bytes())
    card.write_text(json.dumps({**told, "files": {".tflite": sha256_file(path)}}))
    code, _, err = run(capsys, "verify", path)
    assert code == 4 and "says other than" in err
    # A card that fits the file does not make it what the drawn pixels remember.
    own = json.loads((folder / "small.tflite.json").read_text())
    own |= {"arrays": told["arrays"], "golden": own["golden"]}
    told = {**own, "files": {".tflite": sha256_file(path)}}
    card.write_text(json.dumps(told))
    code, _, err = run(capsys, "verify", path)
    assert code == 3 and "drawn pixels" in err
    tensors = tmp_path / "m.tflite.safetensors"
    kept = {name: value for name, value in load_file(tensors).items() if name != "logits"}
    save_file({name: np.ascontiguousarray(value) for name, value in kept.items()}, tensors)
    code, _, err = run(capsys, "verify", path)
    assert code == 4 and "changed or cut off" in err
    digests = {"files": {".tflite": sha256_file(path)}, "arrays": sha256_file(tensors)}
    card.write_text(json.dumps({**told, **digests}))
    code, _, err = run(capsys, "verify", path)
    assert code == 4 and "logits missing" in err


def test_data_and_source_belong_together(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "verify", folder / "m.tflite", folder / "digits")
    assert code == 2 and "belong together" in err
    code, _, err = run(capsys, "verify", folder / "m.sightline")
    assert code == 4 and "is a model, not an export" in err


def test_a_program_is_run_only_by_who_trusts_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.keras"
    words = (folder / "m.sightline", folder / "digits", "--save", path)
    assert run(capsys, "export", *words)[0] == 0
    image = folder / "digits" / "3"
    for command in (("verify", path), ("predict", path, image), ("benchmark", path)):
        code, _, err = run(capsys, *command)
        assert code == 4 and "--trust" in err, command
    assert run(capsys, "verify", path, "--trust")[0] == 0
    assert run(capsys, "predict", path, image, "--trust")[0] == 0
    assert run(capsys, "benchmark", path, "--trust", "--seconds", 1)[0] == 0


def test_a_model_and_an_export_are_not_taken_for_each_other(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "verify", folder / "m.sightline")
    assert code == 4 and "is a model, not an export" in err
    code, _, err = run(capsys, "evaluate", folder / "m.tflite", folder / "digits")
    assert code == 4 and "is an export, not a model" in err
    bundle = read_bundle(folder / "m.sightline")
    classes = tuple(f"other {name}" for name in bundle.classes)
    weights = pack_weights({**bundle.weights(), "temperature/temperature": np.ones(1, np.float32)})
    other = replace(bundle, classes=classes, members={**bundle.members, WEIGHTS: weights})
    write_bundle(tmp_path / "other.sightline", other)
    words = (folder / "digits", "--against", tmp_path / "other.sightline")
    code, _, err = run(capsys, "verify", folder / "m.tflite", *words)
    assert code == 3 and "was not made of" in err

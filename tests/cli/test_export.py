"""`export` and `formats`, as a shell sees them, and what other verbs make of an export."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sightline.cli import benchmark as cli_benchmark
from sightline.cli import export_all, main
from sightline.dataset import write_digits
from sightline.dataset.record import splits_on_record
from sightline.errors import MissingPackageError, ModelError
from sightline.exporting import FORMATS, Candidate, litert, onnx
from sightline.exporting.formats import Converted
from sightline.files import sha256_bytes
from sightline.models.bundle import WEIGHTS, Bundle, read_bundle
from sightline.workflows import choosing, exporting
from sightline.workflows.artefacts import expand

pytestmark = pytest.mark.train

NETWORK = (
    *("--weights", "none", "--backbone", "small_cnn", "--channels", "1", "--image-size", "32"),
    *("--epochs", "12", "--split", "0.5,0.35,0.15"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    write_digits(folder / "digits", per_class=40)
    words = [*NETWORK, "--save", str(folder / "m.sightline")]
    assert main(["train", str(folder / "digits"), *words]) == 0
    return folder


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def test_an_export_is_proven_and_predicts_as_its_source(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.tflite"
    code, out, _ = run(capsys, "export", folder / "m.sightline", folder / "digits", "--save", path)
    assert code == 0
    assert f"saved {path}" in out and "the same answer for 1.000 of them" in out
    assert {one.name for one in tmp_path.iterdir()} == {
        "m.tflite",
        "m.tflite.json",
        "m.tflite.safetensors",
    }
    answers = [
        run(capsys, "predict", one, folder / "digits" / "3")[1]
        for one in (folder / "m.sightline", path)
    ]
    assert answers[0] == answers[1] != ""


def test_what_was_proven_as_json(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    check_schema: Callable[[Any, str], None],
) -> None:
    words = (folder / "m.sightline", folder / "digits", "--quantize", "int8")
    code, out, err = run(capsys, "export", *words, "--save", tmp_path / "m.tflite", "--json")
    assert code == 0, err
    document = json.loads(out)
    check_schema(document, "export")
    assert document["bytes"] < document["source_bytes"]
    assert document["verification"]["pixels"]["n"] == document["comparison"]["n"] > 100


def test_without_data_it_is_written_only_if_this_is_asked_for(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    check_schema: Callable[[Any, str], None],
) -> None:
    path = tmp_path / "m.tflite"
    code, _, err = run(capsys, "export", folder / "m.sightline", "--save", path)
    assert code == 2 and "proven on real images" in err and not list(tmp_path.iterdir())
    words = ("export", folder / "m.sightline", "--save", path, "--no-verify")
    code, out, err = run(capsys, *words, "--quantize", "int8")
    assert code == 2 and "needs training images" in err
    code, out, err = run(capsys, *words)
    assert code == 0 and "Not proven" in err
    code, _, err = run(capsys, *words)
    assert code == 2 and "exists" in err
    code, out, _ = run(capsys, *words, "--overwrite", "--json")
    document = json.loads(out)
    check_schema(document, "export")
    assert document["verification"] == {} and document["comparison"] is None


def test_a_folder_that_is_no_export_is_never_replaced(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "photos.saved_model"
    mine.mkdir()
    (mine / "only copy.jpg").write_bytes(b"1")
    words = (folder / "m.sightline", folder / "digits", "--save", mine, "--overwrite")
    code, _, err = run(capsys, "export", *words)
    assert code == 2 and "no export" in err and (mine / "only copy.jpg").is_file()


def test_int8_is_refused_without_training_images_and_dynamic_is_made(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the validation images alone, known by content."""
    splits = splits_on_record(read_bundle(folder / "m.sightline").record())
    for path in (folder / "digits").rglob("*.png"):
        if splits[sha256_bytes(path.read_bytes())] == "validation":
            copy = tmp_path / "digits" / path.relative_to(folder / "digits")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    words = ("export", folder / "m.sightline", tmp_path / "digits")
    save = ("--save", tmp_path / "m.tflite")
    for rest in (("--quantize", "auto", *save), ("--all", tmp_path / "all")):
        code, _, err = run(capsys, *words, *rest)
        assert code in (2, 3) and "are train images of this model" in err
    code, out, err = run(capsys, *words, "--quantize", "dynamic", *save)
    assert code == 0 and "with training images" in out + err


@pytest.mark.parametrize("name", ["m.tflite", "m.tflite.json"])
def test_a_folder_in_the_place_of_a_file_is_refused_before_the_work(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / name).mkdir()
    words = (folder / "m.sightline", tmp_path / "no data", "--save", tmp_path / "m.tflite")
    code, _, err = run(capsys, "export", *words, "--overwrite")
    assert code == 2 and "is a folder" in err and name in err


def test_auto_tries_many_and_takes_one_that_is_shown_to_be_good_enough(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    check_schema: Callable[[Any, str], None],
) -> None:
    path = tmp_path / "m.tflite"
    words = ("export", folder / "m.sightline", folder / "digits", "--quantize", "auto")
    code, out, err = run(
        capsys, *words, "--max-drop", "0.1", "--prefer", "size", "--save", path, "--json"
    )
    assert code == 0, err
    document = json.loads(out)
    check_schema(document, "export")
    tried = {one["name"]: one for one in document["choice"]["candidates"]}
    assert {"int8", "int8, 1 layer in float", "dynamic", "float16", "float32"} <= set(tried)
    smallest = min((one for one in tried.values() if one["qualified"]), key=lambda o: o["bytes"])
    assert document["choice"]["chosen"] == smallest["name"] and path.is_file()
    assert document["bytes"] == smallest["bytes"]
    assert document["choice"]["judged"]["n"] > 0
    errors = [layer["error"] for layer in document["choice"]["layers"]]
    assert errors == sorted(errors, reverse=True) and errors[0] > 0
    # With the smallest drop only what is proven to be the same function is left.
    strict = (*words, "--max-drop", "0.0001", "--overwrite", "--save", path)
    code, out, err = run(capsys, *strict)
    assert code == 0, err
    assert "chosen: float32" in out and "images would" in out
    assert run(capsys, *words, "--no-verify", "--save", path, "--overwrite")[0] == 2
    assert run(capsys, *words, "--prefer", "sped", "--save", path, "--overwrite")[0] == 2


def test_auto_trains_for_8_bits_where_nothing_else_of_8_bits_qualifies(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    def only_float(bundle: Any, form: Any, *_: Any, **__: Any) -> list[Candidate]:
        return [Candidate(name="float32", precision=form.precisions["float32"])]

    monkeypatch.setattr(choosing, "candidates", only_float)
    path, learned = tmp_path / "m.tflite", tmp_path / "m.int8.sightline"
    model, digits = folder / "m.sightline", folder / "digits"
    words = ("export", model, digits, "--quantize", "auto", "--prefer", "size", "--save", path)
    code, out, err = run(capsys, *words, "--max-drop", "0.1")
    assert code == 0, err
    assert "chosen: int8, after training for 8 bits" in out and learned.name in out
    asked, made = read_bundle(model), read_bundle(learned)
    assert made.architecture.quantized and made.record() == asked.record()
    digest = sha256_bytes(asked.members[WEIGHTS])
    assert made.recipe["compression"]["model"] == digest and "test" not in made.metrics
    assert run(capsys, "verify", path, digits, "--against", learned)[0] == 0
    # Where the images could not show it, nothing is learned.
    code, out, err = run(capsys, *words, "--overwrite", "--max-drop", "0.0001")
    assert code == 0 and "chosen: float32" in out and "training" not in out
    code, _, err = run(capsys, *words[:-1], tmp_path / "m.tflite")
    assert code == 2 and "--overwrite" in err
    # The model trained for 8 bits never takes the place of the one that was asked for.
    own = tmp_path / "n.int8.sightline"
    own.write_bytes(model.read_bytes())
    words = ("export", own, digits, "--quantize", "auto", "--save")
    code, _, err = run(capsys, *words, tmp_path / "n.tflite", "--overwrite")
    assert code == 2 and "itself" in err and own.read_bytes() == model.read_bytes()


ALL = (("litert", "float32"), ("litert", "int8"), ("onnx", "float32"))


@pytest.fixture
def few_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `--all` be three ways: each of all is held to in tests/exporting."""
    ways = tuple((FORMATS[name], FORMATS[name].precisions[precision]) for name, precision in ALL)
    for module in (exporting, export_all):
        monkeypatch.setattr(module, "WAYS", ways)


def test_all_formats_are_written_proven_and_measured_by_one_command(
    folder: Path,
    tmp_path: Path,
    few_ways: None,
    capsys: pytest.CaptureFixture[str],
    check_schema: Callable[[Any, str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = tmp_path / "exports"
    words = ("export", folder / "m.sightline", folder / "digits", "--all", target)
    monkeypatch.setattr(cli_benchmark, "_SECONDS", 1.0)
    code, out, err = run(capsys, *words, "--benchmark", "--json")
    assert code == 0, err
    document = json.loads(out)
    check_schema(document, "exports")
    check_schema(document["benchmark"], "benchmark")
    names = [f"m-{precision}{FORMATS[name].suffix}" for name, precision in ALL]
    assert [Path(one["path"]).name for one in document["exports"]] == names
    assert all(one["verification"]["pixels"]["passed"] for one in document["exports"])
    assert [one["model"] for one in document["benchmark"]["models"]] == ["m.sightline", *names]
    # A run that was ended goes on: what is there is kept, what is missing is made.
    kept = target / names[0]
    before = kept.stat().st_mtime_ns
    for path in target.glob("*.onnx*"):
        path.unlink()
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = run(capsys, *words)
    assert max(map(len, out.splitlines()[1:])) <= 80
    assert code == 0 and "2 of them stood there already" in err
    assert all(f"\n{name.removeprefix('m-')} " in out for name in names)
    assert kept.stat().st_mtime_ns == before and (target / names[2]).is_file()
    model = folder / "m.sightline"
    assert expand([model, target]) == [model, *sorted(target / name for name in names)]
    with pytest.raises(ModelError, match="No export in"):
        expand([folder / "digits"])


def test_what_is_not_installed_is_told_and_what_disagrees_is_an_error(
    folder: Path,
    tmp_path: Path,
    few_ways: None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def convert(*_: object) -> Converted:
        raise MissingPackageError("no onnx", fix="install it", details={})

    monkeypatch.setattr(onnx, "convert", convert)
    words = ("export", folder / "m.sightline", folder / "digits", "--all", tmp_path / "exports")
    code, out, _ = run(capsys, *words)
    assert code == 0 and "no float32.onnx: no onnx" in out and "install it" in out

    def other(bundle: Bundle, *_: object) -> Converted:
        names = bundle.twin_outputs
        swapped = {**names, "logits": names["probabilities"], "probabilities": names["logits"]}
        return Converted(files={".tflite": bundle.twin()}, outputs=swapped)

    monkeypatch.setattr(litert, "convert", other)
    code, out, err = run(capsys, *words, "--overwrite")
    assert code == 3 and "2 of 3 were refused" in err and "no int8.tflite" in out


def test_a_folder_with_something_else_in_it_is_left_alone(
    folder: Path, tmp_path: Path, few_ways: None, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("export", folder / "m.sightline", folder / "digits", "--all", tmp_path)
    for name, reason in (("m-int8.tflite", "no proven export"), ("m-float32.onnx.json", "belongs")):
        (tmp_path / name).write_bytes(b"mine")
        code, _, err = run(capsys, *words)
        assert code == 2 and reason in err
        assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [(name, b"mine")]
        (tmp_path / name).unlink()
    inside = tmp_path / "m-float32.tflite" / "only copy.jpg"
    inside.parent.mkdir()
    inside.write_bytes(b"mine")
    code, _, err = run(capsys, *words, "--overwrite")
    assert code == 2 and "no export" in err and inside.read_bytes() == b"mine"
    code, _, err = run(capsys, *words[:-1], inside)
    assert code == 2 and "is a file" in err


def test_an_export_of_another_kind_is_not_kept_for_this_one(
    folder: Path, tmp_path: Path, few_ways: None, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("export", folder / "m.sightline", folder / "digits")
    assert run(capsys, *words, "--save", tmp_path / "m-int8.tflite")[0] == 0  # in float32
    code, _, err = run(capsys, *words, "--all", tmp_path)
    assert code == 2 and "no proven export of this model" in err


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        (("--all", "x", "--save", "m.tflite"), "leave out --save"),
        (("--all", "x", "--quantize", "int8"), "leave out --quantize"),
        (("--all", "x", "--no-verify"), "leave out --no-verify"),
        (("--save", "m.tflite", "--benchmark"), "sightline export"),
        ((), "sightline export"),
    ],
)
def test_options_that_contradict_each_other(
    folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], fix: str
) -> None:
    code, _, err = run(capsys, "export", folder / "m.sightline", folder / "digits", *words)
    assert code == 2 and f"To do: {fix}" in err


def test_images_of_another_model_prove_nothing(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_digits(tmp_path / "others", per_class=5)
    for path in other.glob("*/*.png"):
        path.write_bytes(path.read_bytes() + b"\0")
    words = (folder / "m.sightline", other, "--save", tmp_path / "m.tflite")
    code, _, err = run(capsys, "export", *words)
    assert code == 3 and "are validation images of this model" in err


def test_the_formats(
    capsys: pytest.CaptureFixture[str], check_schema: Callable[[Any, str], None]
) -> None:
    code, out, _ = run(capsys, "formats")
    assert code == 0 and ".tflite" in out and "float16" in out
    code, out, _ = run(capsys, "formats", "--json")
    assert code == 0
    check_schema(json.loads(out), "formats")

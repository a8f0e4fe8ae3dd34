"""Exports that were run before they were written, and those that are refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sightline.dataset import Dataset, write_digits
from sightline.errors import CheckFailedError, ModelError
from sightline.exporting import (
    FORMATS,
    Export,
    ExportFormat,
    Material,
    Precision,
    export_bundle,
)
from sightline.exporting import litert as converter
from sightline.exporting.formats import Converted
from sightline.images import Preprocessing, load
from sightline.inference import LiteRTRunner
from sightline.inference.card import Place, read_card
from sightline.inference.exported import open_export
from sightline.models.bundle import Bundle, read_bundle
from sightline.training.recipe import Options
from sightline.training.signals import StopRequest
from sightline.verification import Tolerance
from sightline.workflows.train import train
from sightline.workflows.training import Request

from ..workflows.training import Notebook

FORM = FORMATS["litert"]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_digits(tmp_path_factory.mktemp("export") / "digits", per_class=40)


@pytest.fixture(scope="module")
def bundle(digits: Path) -> Bundle:
    options = Options(
        weights="none", backbone="small_cnn", channels=1, image_size=(32, 32), epochs=40
    )
    request = Request(
        data=digits,
        save=digits.parent / "m.sightline",
        options=options,
        shares=(0.5, 0.35, 0.15),
    )
    return read_bundle(train(request, watcher=Notebook(), stop=StopRequest()).path)


@pytest.fixture(scope="module")
def pixels(digits: Path, bundle: Bundle) -> np.ndarray:
    rows = Dataset.from_folder(digits).rows[::5]
    return np.stack([load(row.source, bundle.preprocessing).pixels for row in rows])


def made(bundle: Bundle, name: str, pixels: np.ndarray) -> Export:
    material = Material(pixels=pixels, samples=lambda: iter(pixels))
    return export_bundle(bundle, FORM, FORM.precisions[name], material)


@pytest.mark.parametrize("name", FORM.precisions)
def test_an_export_answers_as_its_source_and_is_read_back(
    bundle: Bundle, pixels: np.ndarray, tmp_path: Path, name: str
) -> None:
    export = made(bundle, name, pixels)
    assert export.proven is not None and export.proven.verification.passed
    path = tmp_path / "digits.tflite"
    export.write(path)
    runner = open_export(path)
    given, expected = runner.run(pixels), LiteRTRunner(bundle).run(pixels)
    assert (runner.classes, runner.task, runner.rules) == (
        bundle.classes,
        bundle.task,
        bundle.rules,
    )
    assert runner.preprocessing == bundle.preprocessing
    assert np.abs(given.probabilities.sum(axis=1) - 1).max() < 1e-5
    assert np.abs(given.probabilities - expected.probabilities).max() == pytest.approx(
        export.proven.verification.max_difference, abs=1e-6
    )
    assert (given.distance is None) == (expected.distance is None)
    card = json.loads(Place.of(path).card.read_text())
    assert card["precision"] == name and card["verification"]["pixels"]["passed"] is True
    assert card == read_card(path).to_json()


def test_fewer_bits_take_less_room(bundle: Bundle, pixels: np.ndarray) -> None:
    sizes = {name: made(bundle, name, pixels).size for name in FORM.precisions}
    assert sizes["float16"] < 0.7 * sizes["float32"]
    assert sizes["int8"] < 0.5 * sizes["float32"]


def sabotaged(monkeypatch: pytest.MonkeyPatch, change: object) -> None:
    def convert(bundle: Bundle, precision: Precision, samples: object) -> Converted:
        return change(bundle)  # type: ignore[operator]

    monkeypatch.setattr(converter, "convert", convert)


def permuted(bundle: Bundle) -> Converted:
    outputs = dict(bundle.twin_outputs)
    outputs["logits"], outputs["probabilities"] = outputs["probabilities"], outputs["logits"]
    return Converted(files={".tflite": bundle.twin()}, outputs=outputs)


def truncated(bundle: Bundle) -> Converted:
    return Converted(
        files={".tflite": bundle.twin()[: len(bundle.twin()) // 2]}, outputs=bundle.twin_outputs
    )


@pytest.mark.parametrize("change", [permuted, truncated])
def test_a_sabotaged_export_is_refused(
    bundle: Bundle, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch, change: object
) -> None:
    sabotaged(monkeypatch, change)
    with pytest.raises((CheckFailedError, ModelError)) as caught:
        made(bundle, "float32", pixels)
    assert caught.value.exit_code in (3, 4)


def test_without_proof_the_card_says_so(bundle: Bundle) -> None:
    export = export_bundle(bundle, FORM, FORM.precisions["float32"], Material())
    assert export.proven is None and export.card.verification == {}


def test_a_file_that_was_changed_is_not_run(
    bundle: Bundle, pixels: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "digits.tflite"
    made(bundle, "float32", pixels).write(path)
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    with pytest.raises(ModelError, match="not the file that its card names"):
        open_export(path)
    path.write_bytes(content)
    Place.of(path).tensors.unlink()
    with pytest.raises(ModelError, match="There is no"):
        open_export(path)


CARDS: Mapping[str, Mapping[str, object]] = {
    "no class twice": {"classes": ["0"] * 10},
    "no such task": {"task": "both"},
    "no temperature": {"temperature": []},
    "a temperature below zero": {"temperature": [-1.0]},
    "no rules": {"rules": 7},
    "classes that are no list": {"classes": 7},
    "a temperature beyond all": {"temperature": [10**400]},
    "an infinite temperature": {"temperature": ["inf"]},
    "no logits": {"outputs": {"probabilities": "x"}},
    "another version": {"schema_version": "9.0"},
    "other pixels": {"preprocessing": {**Preprocessing(height=40, width=40, channels=1).to_json()}},
}


@pytest.mark.parametrize("change", CARDS.values(), ids=CARDS.keys())
def test_a_damaged_card_is_refused(
    bundle: Bundle, tmp_path: Path, change: Mapping[str, object]
) -> None:
    path = tmp_path / "digits.tflite"
    export_bundle(bundle, FORM, FORM.precisions["float32"], Material()).write(path)
    card = json.loads(Place.of(path).card.read_text())
    Place.of(path).card.write_text(json.dumps({**card, **change}))
    with pytest.raises(ModelError) as caught:
        open_export(path)
    assert caught.value.code == "bad_export"


def test_a_card_of_other_classes_is_not_run(bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "digits.tflite"
    export_bundle(bundle, FORM, FORM.precisions["float32"], Material()).write(path)
    card = json.loads(Place.of(path).card.read_text())
    Place.of(path).card.write_text(json.dumps({**card, "classes": ["0", "1", "2"]}))
    with pytest.raises(ModelError, match="not what its card says"):
        open_export(path).run(np.zeros((1, 32, 32, 1), np.uint8))


def test_a_format_of_a_later_version_is_told(bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "digits.tflite"
    export_bundle(bundle, FORM, FORM.precisions["float32"], Material()).write(path)
    card = json.loads(Place.of(path).card.read_text())
    Place.of(path).card.write_text(json.dumps({**card, "format": "litre"}))
    with pytest.raises(ModelError, match="Did you mean 'litert'"):
        open_export(path)


def test_a_strict_tolerance_refuses_what_a_wide_one_lets_pass(
    bundle: Bundle, pixels: np.ndarray
) -> None:
    strict = replace(FORM.precisions["float16"], allowed=Tolerance(difference=1e-9))
    form: ExportFormat = replace(FORM, precisions={"float16": strict})
    with pytest.raises(CheckFailedError, match="disagrees with its source"):
        export_bundle(bundle, form, strict, Material(pixels=pixels))

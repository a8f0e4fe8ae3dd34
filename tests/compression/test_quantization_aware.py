"""A network that learned to live with 8 bits says the same in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sightline.compression import quantization_aware
from sightline.compression.options import QuantizationOptions
from sightline.compression.quantization_aware import set_ranges, train_for_int8
from sightline.errors import CheckFailedError, ConfigError
from sightline.exporting import FORMATS, Material, export_bundle
from sightline.exporting.litert import convert
from sightline.images import load
from sightline.inference import LiteRTModel, LiteRTRunner
from sightline.models.bundle import Bundle, read_bundle, write_bundle
from sightline.models.quantized import on_grid, ranges
from sightline.models.restore import restore
from sightline.training.assemble import Made
from sightline.training.learnable import Learnable
from sightline.training.session import Parts

from .digits import images, session, trained, unbalanced

INT8 = FORMATS["litert"].precisions["int8"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("int8")


@pytest.fixture(scope="module")
def bundle(folder: Path) -> Bundle:
    return unbalanced(trained(folder), 80)


@pytest.fixture(scope="module")
def data(folder: Path, bundle: Bundle) -> Learnable:
    return images(folder, bundle)


@pytest.fixture(scope="module")
def made(folder: Path, bundle: Bundle, data: Learnable) -> Made:
    options = QuantizationOptions(epochs=20, learning_rate=1e-3)
    return train_for_int8(bundle, data, session(folder), options)


def pixels(data: Learnable, bundle: Bundle, split: str) -> np.ndarray:
    rows = data.part(split)[0].rows
    return np.stack([load(row.source, bundle.preprocessing).pixels for row in rows])


def in_8_bits(bundle: Bundle, data: Learnable, seen: np.ndarray) -> np.ndarray:
    form, shown = FORMATS["litert"], pixels(data, bundle, "train")
    graph = convert(bundle, form.precisions["int8"], lambda: iter(shown))
    return LiteRTModel(graph.files[form.suffix], graph.outputs).run(seen)["logits"]


def test_8_bits_change_no_more_of_what_it_says_than_after_plain_quantisation(
    bundle: Bundle, made: Made, data: Learnable
) -> None:
    seen = pixels(data, bundle, "validation")
    truth = [row.labels[0] for row in data.part("validation")[0].rows]
    alike, right, off = {}, {}, {}
    for name, one in {"plain": bundle, "learned": made.bundle}.items():
        given, wanted = in_8_bits(one, data, seen), LiteRTRunner(one).run(seen).logits
        answers = given.argmax(axis=1)
        alike[name] = np.mean(answers == wanted.argmax(axis=1))
        off[name] = np.sqrt(np.mean((given - wanted) ** 2)) / wanted.std()
        right[name] = np.mean([one.classes[answer] for answer in answers] == np.array(truth))
    # Plain quantisation, which corrects biases, is as good on this network: from 0.80 to 1.03 of
    # its error over three seeds. Shares near 1 differ by an image from seed to seed.
    assert min(alike["learned"], right["learned"]) >= 0.97
    assert off["learned"] < min(1.25 * off["plain"], 0.25)


def test_the_bundle_is_proven_ruled_and_read_back(
    made: Made, bundle: Bundle, data: Learnable, tmp_path: Path
) -> None:
    assert made.verification.passed and made.verification.max_difference < 1e-4
    assert made.bundle.architecture.quantized and not bundle.architecture.quantized
    assert made.bundle.held_out() is not None
    write_bundle(tmp_path / "int8.sightline", made.bundle)
    again = read_bundle(tmp_path / "int8.sightline")
    seen = pixels(data, bundle, "validation")[:8]
    given = restore(again)(seen, training=False)["logits"]
    np.testing.assert_allclose(given, made.runner.run(seen).logits, atol=1e-4)


def test_its_kernels_are_on_their_levels(made: Made) -> None:
    kernel = made.bundle.weights()["stem/kernel"]
    np.testing.assert_allclose(np.asarray(on_grid(kernel, (3,))), kernel, atol=1e-7)
    for filters in np.moveaxis(kernel, 3, 0):
        assert len(np.unique(filters)) <= 255


def test_its_export_needs_no_training_images(made: Made, data: Learnable, bundle: Bundle) -> None:
    assert (INT8.samples_for(made.bundle.architecture), INT8.samples_for(bundle.architecture)) == (
        0,
        200,
    )
    seen = pixels(data, bundle, "validation")
    export = export_bundle(made.bundle, FORMATS["litert"], INT8, Material(pixels=seen))
    assert export.proven is not None and export.proven.verification.passed


def test_ranges_are_those_of_the_values(made: Made, data: Learnable) -> None:
    model = restore(made.bundle)
    part = Parts.of(data, made.bundle.preprocessing).training
    told: list[tuple[int, int]] = []
    set_ranges(model, part, 20, lambda done, total: told.append((done, total)))
    assert told == [(8, 20), (16, 20), (20, 20)]
    first = ranges(model)[0]  # of the scaled pixels
    chosen = part.decode(np.linspace(0, len(part) - 1, 20).round().astype(int)).astype(np.float32)
    ends = [chosen.min() / 127.5 - 1, chosen.max() / 127.5 - 1]
    np.testing.assert_allclose([first.low, first.high], np.multiply(ends, 1.01), rtol=1e-5)
    assert all(float(place.low) <= 0 <= float(place.high) for place in ranges(model))


def test_it_is_done_once(made: Made, data: Learnable, folder: Path) -> None:
    with pytest.raises(ConfigError, match="was trained for 8 bits"):
        train_for_int8(made.bundle, data, session(folder), QuantizationOptions())


def test_what_only_works_with_the_rounding_is_refused(
    bundle: Bundle, data: Learnable, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantization_aware, "_LEAST_AGREEMENT", 1.01)
    options = QuantizationOptions(epochs=1, learning_rate=1e-6, images=8)
    with pytest.raises(CheckFailedError, match="same answer as without"):
        train_for_int8(bundle, data, session(folder), options)

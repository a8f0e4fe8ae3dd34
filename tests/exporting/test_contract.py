"""What every format of the table must keep: it answers as its source, and sabotage is refused.

The same tests for all, so that a new row of the table is held to them too.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from safetensors.numpy import save

from sightline.errors import CheckFailedError, ModelError, UntrustedModelError
from sightline.exporting import FORMATS, ExportFormat, Material, export_bundle, prove
from sightline.exporting.formats import Converted
from sightline.files import load_attribute
from sightline.inference import LiteRTRunner
from sightline.inference.card import Place
from sightline.inference.exported import PROGRAMS, READERS, open_export
from sightline.models.bundle import GOLDEN_TENSORS, Bundle

from .javascript import need_chromium, need_packages
from .small import pictures, small_bundle

PACKAGES = {"tfjs": "tfjs", "web": "litert"}
"""Of npm, by format."""


def need(form: ExportFormat) -> None:
    if form.name in PACKAGES:
        need_packages(PACKAGES[form.name])


def converted(bundle: Bundle, form: ExportFormat) -> Converted:
    found: Converted = load_attribute(form.convert)(bundle, form.precisions["float32"], None)
    return found


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return small_bundle("three classes")


@pytest.mark.parametrize("name", FORMATS)
def test_it_answers_as_its_source_from_the_disk(name: str, bundle: Bundle, tmp_path: Path) -> None:
    form = FORMATS[name]
    need(form)
    pixels = pictures(bundle, 12, seed=5)
    made = export_bundle(bundle, form, form.precisions["float32"], Material(pixels=pixels))
    assert made.proven is not None and made.proven.verification.passed
    if form.described is not None:
        told = load_attribute(form.described)(made.files)
        assert json.loads(told) == json.loads(json.dumps(made.card.description()))
    path = tmp_path / f"model{form.suffix}"
    made.write(path)
    if name in PROGRAMS:
        with pytest.raises(UntrustedModelError, match="does what its maker wrote"):
            open_export(path)
    runner = open_export(path, trust=name in PROGRAMS)
    given, expected = runner.run(pixels), LiteRTRunner(bundle).run(pixels)
    assert np.abs(given.probabilities - expected.probabilities).max() < 1e-4
    assert given.distance is not None and expected.distance is not None
    assert np.abs(given.distance - expected.distance).max() < 1e-3
    assert runner.classes == bundle.classes and runner.preprocessing == bundle.preprocessing
    with pytest.raises(ModelError):  # other pixels than the card's
        runner.run(pixels[:, :-1])


def swapped_channels(model: keras.Model) -> None:
    layer = next(one for one in model.layers if isinstance(one, keras.layers.Conv2D))
    layer.kernel.assign(np.array(layer.kernel)[:, :, ::-1])


def wrong_scale(model: keras.Model) -> None:
    layer = next(one for one in model.layers if isinstance(one, keras.layers.Conv2D))
    layer.kernel.assign(1.05 * np.array(layer.kernel))


def permuted_classes(model: keras.Model) -> None:
    layer = model.get_layer("logits")
    layer.kernel.assign(np.roll(np.array(layer.kernel), 1, axis=1))
    layer.bias.assign(np.roll(np.array(layer.bias), 1))


SABOTAGES: Mapping[str, Callable[[keras.Model], None]] = {
    "swapped channels": swapped_channels,
    "wrong scale": wrong_scale,
    "permuted classes": permuted_classes,
}


@pytest.fixture(scope="module")
def sabotaged() -> Mapping[str, Bundle]:
    return {name: small_bundle("three classes", change) for name, change in SABOTAGES.items()}


@pytest.mark.parametrize("name", FORMATS)
def test_sabotage_is_refused(
    name: str, bundle: Bundle, sabotaged: Mapping[str, Bundle], tmp_path: Path
) -> None:
    form = FORMATS[name]
    need(form)
    material = Material(pixels=pictures(bundle, 12, seed=5))
    for other in sabotaged.values():
        with pytest.raises(CheckFailedError, match="disagrees with its source"):
            prove(bundle, form, form.precisions["float32"], converted(other, form), material)


def confused(model: keras.Model) -> None:
    layer = model.get_layer("logits")
    layer.kernel.assign(7 * np.array(layer.kernel))
    layer.bias.assign(7 * np.array(layer.bias))


# A scale that is off by 5 % is within what 8 bits do themselves.
@pytest.mark.parametrize("change", [swapped_channels, permuted_classes, confused])
def test_sabotage_is_refused_in_8_bits_too(
    bundle: Bundle, change: Callable[[keras.Model], None]
) -> None:
    # Answers alone would not do: logits of another scale give the same ones.
    form, other = FORMATS["litert"], small_bundle("three classes", change)
    pixels = pictures(bundle, 60, seed=5)
    precision = form.precisions["dynamic"]
    honest = export_bundle(bundle, form, precision, Material(pixels=pixels))
    assert honest.proven is not None and honest.proven.verification.passed
    files = load_attribute(form.convert)(other, precision, None)
    with pytest.raises(CheckFailedError, match="disagrees with its source"):
        prove(bundle, form, precision, files, Material(pixels=pixels))


@pytest.mark.parametrize("name", ["litert", "tfjs"])
def test_golden_vectors_that_it_does_not_meet_are_not_written(name: str, bundle: Bundle) -> None:
    form = FORMATS[name]
    need(form)
    arrays = bundle.golden_tensors()
    other = {**arrays, "logits": arrays["logits"] + 1, "probabilities": arrays["probabilities"]}
    stale = replace(bundle, members={**bundle.members, GOLDEN_TENSORS: save(other)})
    material = Material(pixels=pictures(bundle, 4))
    with pytest.raises(CheckFailedError, match="on drawn pixels"):
        export_bundle(stale, form, form.precisions["float32"], material)


def test_what_runs_an_export_ends_with_its_proof(bundle: Bundle) -> None:
    form = FORMATS["tfjs"]
    need(form)
    before = set(node_children())
    made = export_bundle(
        bundle, form, form.precisions["float32"], Material(pixels=pictures(bundle, 4))
    )
    assert made.proven is not None and set(node_children()) <= before


def node_children() -> list[int]:
    """Return the process numbers of children of this process that are Node.js."""
    own = Path(f"/proc/self/task/{os.getpid()}/children")
    return [
        int(number)
        for number in own.read_text().split()
        if b"serve.mjs" in Path(f"/proc/{number}/cmdline").read_bytes()
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_was_cut_off_is_refused(
    name: str, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = FORMATS[name]
    need(form)
    made = export_bundle(bundle, form, form.precisions["float32"], Material())
    largest = max(made.files, key=lambda one: len(made.files[one]))
    if name == "web":  # where the browser's own runtime is larger, and is not run in Node.js
        largest = "model.tflite"
    path = tmp_path / f"model{form.suffix}"
    made.write(path)
    cut = Place.of(path).member(largest)
    cut.write_bytes(cut.read_bytes()[: len(made.files[largest]) // 2])
    with pytest.raises(ModelError, match="changed or cut off"):
        open_export(path)
    # Before it is written, nothing but the runtime and the proof can tell.
    half = {**made.files, largest: made.files[largest][: len(made.files[largest]) // 2]}
    truncated = Converted(files=half, outputs=made.card.outputs)
    staging = tmp_path / "staging"
    staging.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(staging))
    with pytest.raises((CheckFailedError, ModelError)) as caught:
        prove(
            bundle,
            replace(form, embed=None),
            form.precisions["float32"],
            truncated,
            Material(pixels=pictures(bundle, 4)),
        )
    assert caught.value.exit_code in (3, 4) and not list(staging.glob("sightline-*"))


def coarse(files: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Return the files of a page whose bilinear resize takes the nearest pixel."""
    script = files["preprocess.js"].decode()
    changed = script.replace("FILTERS[interpolation]", 'FILTERS["box"]')
    assert changed != script
    return {**files, "preprocess.js": changed.encode()}


@pytest.mark.parametrize("name", READERS)
def test_another_resize_is_refused_by_the_proof_on_files(name: str, bundle: Bundle) -> None:
    form = FORMATS[name]
    need(form)
    if name == "web":
        need_chromium()
    files = [(str(number), data) for number, data in enumerate(bundle.golden_files().values())]
    material = Material(pixels=pictures(bundle, 4), files=lambda: iter(files))
    precision = form.precisions["float32"]
    made = export_bundle(bundle, form, precision, material)
    assert made.proven is not None and made.proven.files is not None and made.proven.files.n > 5
    if name == "web":
        other = Converted(files=coarse(made.files), outputs=made.card.outputs)
    else:
        box = replace(bundle.preprocessing, interpolation="box")
        other = converted(replace(bundle, preprocessing=box), form)
    with pytest.raises(CheckFailedError, match="reads image files otherwise"):
        prove(bundle, replace(form, embed=None), precision, other, material)


@pytest.mark.parametrize("name", FORMATS)
def test_a_process_in_half_precision_exports_in_float32(name: str, bundle: Bundle) -> None:
    form = FORMATS[name]
    need(form)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        made = export_bundle(
            bundle, form, form.precisions["float32"], Material(pixels=pictures(bundle, 4))
        )
    finally:
        keras.config.set_dtype_policy(before)
    assert made.proven is not None
    assert made.proven.verification.max_difference < 1e-4


@pytest.mark.parametrize("name", ["litert", "onnx", "openvino", "keras", "hdf5", "tfjs"])
@pytest.mark.parametrize("kind", ["two classes, grey", "labels"])
def test_other_kinds_of_models_are_exported_too(name: str, kind: str) -> None:
    form = FORMATS[name]
    need(form)
    other = small_bundle(kind)
    made = export_bundle(
        other, form, form.precisions["float32"], Material(pixels=pictures(other, 8))
    )
    assert made.proven is not None and made.card.task == other.task
    json.dumps(made.card.to_json(), allow_nan=False)

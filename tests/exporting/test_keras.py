"""Keras's two files: what they hold, and that Keras alone opens them."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from sightline.errors import ModelError
from sightline.exporting import FORMATS, hdf5
from sightline.exporting import keras as keras_format
from sightline.exporting.formats import Converted
from sightline.inference.exported import open_graph
from sightline.inference.keras_file import open_keras
from sightline.models import Architecture
from sightline.models.bundle import Bundle

from .networks import NETWORKS, bundle_of, expected, pixels_for

CONVERTERS = {"keras": keras_format, "hdf5": hdf5}
ALONE = """
import sys, warnings
warnings.simplefilter("error")
import keras, numpy as np
model = keras.models.load_model(sys.argv[1])
given = model.predict(np.load(sys.argv[2]), verbose=0)
assert not any(name.startswith("sightline") for name in sys.modules)
np.savez(sys.argv[3], **given)
"""


def converted(name: str, architecture: Architecture) -> tuple[Converted, Bundle]:
    bundle = bundle_of(architecture)
    return CONVERTERS[name].convert(bundle, FORMATS[name].precisions["float32"], None), bundle


@pytest.mark.parametrize("name", CONVERTERS)
@pytest.mark.parametrize("kind", NETWORKS)
def test_the_file_answers_as_the_network(kind: str, name: str, tmp_path: Path) -> None:
    architecture = NETWORKS[kind]
    export, bundle = converted(name, architecture)
    path = tmp_path / f"model{FORMATS[name].suffix}"
    path.write_bytes(export.files[path.suffix])
    pixels = pixels_for(architecture)
    wanted = expected(bundle, pixels)
    given = open_keras(path, export.outputs).run(pixels)
    assert given.keys() == wanted.keys()
    for output, values in given.items():
        scale = max(1, float(np.abs(wanted[output]).max()))
        assert values == pytest.approx(wanted[output], abs=2e-6 * scale)


@pytest.mark.parametrize("name", CONVERTERS)
def test_keras_opens_it_without_sightline(name: str, tmp_path: Path) -> None:
    architecture = NETWORKS["labels"]
    export, bundle = converted(name, architecture)
    path = tmp_path / f"model{FORMATS[name].suffix}"
    path.write_bytes(export.files[path.suffix])
    pixels = pixels_for(architecture)
    np.save(tmp_path / "pixels.npy", pixels)
    arguments = [path, tmp_path / "pixels.npy", tmp_path / "given.npz"]
    subprocess.run([sys.executable, "-c", ALONE, *map(str, arguments)], check=True)
    with np.load(tmp_path / "given.npz") as given:
        for output, wanted in expected(bundle, pixels).items():
            scale = max(1, float(np.abs(wanted).max()))
            assert given[output] == pytest.approx(wanted, abs=1e-5 * scale)


@pytest.mark.parametrize("name", CONVERTERS)
def test_the_same_bundle_gives_the_same_bytes_and_says_nothing(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    first, _ = converted(name, NETWORKS["classes"])
    second, _ = converted(name, NETWORKS["classes"])
    assert first.files == second.files
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("name", CONVERTERS)
def test_the_description_travels_inside(name: str, tmp_path: Path) -> None:
    export, _ = converted(name, NETWORKS["classes"])
    text = '{"classes": ["ä"]}' + " " * 100_000
    (content,) = CONVERTERS[name].embed(export.files, text).values()
    if name == "keras":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert archive.read("sightline.json").decode() == text
    else:
        with h5py.File(io.BytesIO(content)) as file:
            assert file.attrs["sightline"] == text
    path = tmp_path / f"model{FORMATS[name].suffix}"
    path.write_bytes(content)
    assert open_graph(name, path, export.outputs).run(pixels_for(NETWORKS["classes"]))


def test_a_policy_of_half_precision_does_not_reach_the_file(tmp_path: Path) -> None:
    bundle = bundle_of(NETWORKS["classes"])
    keras.config.set_dtype_policy("mixed_float16")
    try:
        export = keras_format.convert(bundle, FORMATS["keras"].precisions["float32"], None)
        assert keras.config.dtype_policy().name == "mixed_float16"
    finally:
        keras.config.set_dtype_policy("float32")
    path = tmp_path / "model.keras"
    path.write_bytes(export.files[".keras"])
    model = keras.models.load_model(path)
    assert {layer.compute_dtype for layer in model.layers if layer.weights} == {"float32"}


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_damaged_file_is_refused(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"PK\x03\x04 or something else")
    with pytest.raises(ModelError) as caught:
        open_keras(path, {"logits": "logits"})
    assert caught.value.code == "damaged_model"


def test_other_outputs_and_pixels_are_refused(tmp_path: Path) -> None:
    export, _ = converted("keras", NETWORKS["classes"])
    path = tmp_path / "model.keras"
    path.write_bytes(export.files[".keras"])
    with pytest.raises(ModelError, match="no output other"):
        open_keras(path, {"logits": "other"})
    with pytest.raises(ModelError, match="was given uint8 pixels"):
        open_keras(path, export.outputs).run(np.zeros((1, 5, 5, 3), np.uint8))

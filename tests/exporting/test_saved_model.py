"""The SavedModel: its signatures, its decoder, and what stands beside them."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from sightline.errors import ModelError
from sightline.exporting import FORMATS, saved_model
from sightline.exporting.formats import Converted
from sightline.exporting.graph_decoding import decode
from sightline.exporting.graph_headers import jpeg_head, png_head
from sightline.images import Preprocessing, preprocess
from sightline.inference.saved_model import open_saved_model, saved_model_reader

from .networks import NETWORKS, bundle_of, expected, pixels_for


def write(export: Converted, folder: Path) -> Path:
    for name, content in export.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = bundle_of(NETWORKS["classes"])
    export = saved_model.convert(bundle, FORMATS["saved_model"].precisions["float32"], None)
    return write(export, tmp_path_factory.mktemp("export") / "m.saved_model")


def encoded(pixels: np.ndarray, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def photo(height: int = 61, width: int = 83, channels: int = 3) -> np.ndarray:
    smooth = np.random.default_rng(1).integers(0, 256, (6, 8, channels), np.uint8)
    return np.asarray(
        Image.fromarray(smooth.squeeze()).resize((width, height), Image.Resampling.BICUBIC)
    )


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    return encoded(photo(), "JPEG", exif=exif)


FILES = {
    "jpeg": encoded(photo(), "JPEG", quality=90),
    "large progressive jpeg": encoded(photo(400, 500), "JPEG", progressive=True),
    "grey jpeg": encoded(photo(channels=1), "JPEG"),
    "png": encoded(photo(), "PNG"),
    "alpha": encoded(photo(channels=4), "PNG"),
    "two bits": encoded(photo(channels=1) // 64 * 64, "PNG", bits=2),
    "sixteen bits": encoded(photo(channels=1).astype(np.uint16) * 200, "PNG"),
    **{f"orientation {number}": turned(number) for number in range(1, 9)},
}
WAYS = {
    "squash": Preprocessing(height=24, width=40),
    "pad, grey": Preprocessing(
        height=24, width=20, channels=1, fit="pad", background=(200, 10, 30)
    ),
    "crop, bicubic": Preprocessing(height=30, width=24, fit="crop", interpolation="bicubic"),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_the_graph_decodes_as_we_do(way: Preprocessing) -> None:
    signature = [tf.TensorSpec((None,), tf.string)]
    given = tf.function(lambda images: decode(images, way), input_signature=signature)(
        tf.constant(list(FILES.values()))
    ).numpy()
    for name, data, pixels in zip(FILES, FILES.values(), given, strict=True):
        expected = preprocess(data, way).pixels
        # Where Pillow begins with the rows, rounding between the passes is another: one level.
        assert np.abs(pixels.astype(int) - expected).max() <= 1, name


def test_what_lies_between_segments_is_passed_over_and_endless_ones_are_refused() -> None:
    jpeg = encoded(photo(), "JPEG")
    pair = b"\xff\x00"
    kinds = {
        "ten thousand zeros": (jpeg[:2] + bytes(10_000) + jpeg[2:], 61),
        "fill bytes": (jpeg[:2] + b"\xff" * 100 + jpeg[2:], 61),
        "a million zeros and no end": (jpeg[:2] + bytes(1_000_000), 0),
        "five thousand stuffed bytes": (jpeg[:2] + pair * 5_000 + jpeg[2:], 0),
        "zeros beyond what is taken": (jpeg[:2] + bytes(4096 * 4200) + jpeg[2:], 0),
    }
    head = tf.function(jpeg_head, input_signature=[tf.TensorSpec((None,), tf.uint8)])
    for name, (data, height) in kinds.items():
        assert head(tf.constant(np.frombuffer(data, np.uint8))).height.numpy() == height, name
    png = encoded(photo(), "PNG")
    chunk = struct.pack(">I4sI", 0, b"teXt", zlib.crc32(b"teXt"))
    endless = np.frombuffer(png[:33] + chunk * 20_000 + png[33:], np.uint8)
    png_heads = tf.function(png_head, input_signature=[tf.TensorSpec((None,), tf.uint8)])
    assert png_heads(tf.constant(np.frombuffer(png, np.uint8))).height.numpy() == 61
    assert png_heads(tf.constant(endless)).height.numpy() == 0


def test_pixels_give_what_the_network_gives(exported: Path) -> None:
    pixels = pixels_for(NETWORKS["classes"])
    wanted = expected(bundle_of(NETWORKS["classes"]), pixels)
    given = open_saved_model(exported, {name: name for name in wanted}).run(pixels)
    for name, values in wanted.items():
        scale = max(1, float(np.abs(values).max()))
        assert given[name] == pytest.approx(values, abs=1e-5 * scale)


def test_files_give_classes_and_scores_best_first(exported: Path) -> None:
    serve = tf.saved_model.load(str(exported / "1")).signatures["serve_bytes"]
    given = serve(image_bytes=tf.constant([FILES["jpeg"], FILES["png"]]))
    probabilities = given["probabilities"].numpy()
    order = np.argsort(-probabilities, axis=1)
    assert given["scores"].numpy() == pytest.approx(-np.sort(-probabilities, axis=1))
    assert (given["classes"].numpy() == np.array([b"a", b"b", b"c"])[order]).all()


BAD = {
    "it is empty": b"",
    "neither JPEG nor PNG": b"GIF89a and more",
    "no header with a size": b"\x89PNG\r\n\x1a\n" + bytes(40),
    "larger than": FILES["png"][:16] + (20_000).to_bytes(4, "big") * 2 + FILES["png"][24:],
    "JPEG": FILES["jpeg"][:400],
}


def test_bad_files_are_refused_by_name(exported: Path) -> None:
    read = saved_model_reader(exported)
    for words, data in BAD.items():
        (reading,) = read([data])
        assert words in reading.refused and reading.pixels is None
    serve = tf.saved_model.load(str(exported / "1")).signatures["serve_bytes"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="image 1: it is neither"):
        serve(image_bytes=tf.constant([FILES["png"], b"nothing"]))


def test_the_layout_is_that_of_serving(exported: Path) -> None:
    inside = {path.relative_to(exported).as_posix() for path in exported.rglob("*")}
    assert {"1/saved_model.pb", "1/fingerprint.pb", "1/variables/variables.index"} <= inside
    assert json.loads((exported / "1/assets/classes.json").read_text()) == ["a", "b", "c"]
    described = saved_model.embed({"1/saved_model.pb": b""}, '{"classes": []}')
    assert described["1/assets.extra/sightline.json"] == b'{"classes": []}'


@pytest.mark.parametrize("damage", ["cut off", "no version"])
def test_a_damaged_folder_is_refused(damage: str, tmp_path: Path) -> None:
    if damage == "cut off":
        (tmp_path / "1").mkdir()
        (tmp_path / "1/saved_model.pb").write_bytes(b"\x08")
    with pytest.raises(ModelError) as caught:
        open_saved_model(tmp_path, {"logits": "logits"})
    assert caught.value.code == "damaged_model"

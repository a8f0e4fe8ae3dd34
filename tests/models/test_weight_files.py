from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

from sightline.errors import ModelError, UnsafeModelError
from sightline.models import Architecture
from sightline.models.build import build
from sightline.models.layers import IMAGENET_DEVIATION, IMAGENET_MEAN
from sightline.models.weight_files import load_weights_file
from sightline.models.weights import named_weights

SMALL = Architecture(
    backbone="small_resnet", classes=3, height=16, width=16, options={"widths": [4], "blocks": 1}
)
NARROW = Architecture(
    backbone="mobilenet_v2", classes=2, height=32, width=32, options={"alpha": 0.1}
)


@pytest.fixture
def model() -> keras.Model:
    keras.utils.set_random_seed(0)
    return build(SMALL)


@pytest.fixture
def other() -> keras.Model:
    keras.utils.set_random_seed(1)
    return build(SMALL)


def backbone_only(model: keras.Model) -> dict[str, np.ndarray]:
    weights = named_weights(model)
    return {n: v for n, v in weights.items() if not n.startswith(("logits/", "temperature/"))}


def same(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    return first.keys() == second.keys() and all(
        np.array_equal(first[name], second[name]) for name in first
    )


def narrow_keras_network() -> keras.Model:
    keras.utils.set_random_seed(2)
    return keras.applications.MobileNetV2(
        alpha=0.1, include_top=False, weights=None, input_shape=(32, 32, 3)
    )


@pytest.mark.parametrize("suffix", [".weights.h5", ".h5"])
def test_what_keras_saved_of_the_whole_model_comes_back(
    model: keras.Model, other: keras.Model, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"saved{suffix}"
    saver = model.save_weights if suffix == ".weights.h5" else model.save
    saver(path)
    assert load_weights_file(other, path) is True
    assert same(named_weights(other), named_weights(model))


def test_safetensors_of_the_whole_model_come_back(
    model: keras.Model, other: keras.Model, tmp_path: Path
) -> None:
    save_file(named_weights(model), tmp_path / "w.safetensors")
    assert load_weights_file(other, tmp_path / "w.safetensors") is True
    assert same(named_weights(other), named_weights(model))


def test_safetensors_of_the_backbone_leave_the_head(
    model: keras.Model, other: keras.Model, tmp_path: Path
) -> None:
    save_file(backbone_only(model), tmp_path / "w.safetensors")
    head = np.array(other.get_layer("logits").kernel.numpy())
    assert load_weights_file(other, tmp_path / "w.safetensors") is False
    assert same(backbone_only(other), backbone_only(model))
    np.testing.assert_array_equal(other.get_layer("logits").kernel, head)


@pytest.mark.parametrize("suffix", [".weights.h5", ".h5"])
def test_the_network_of_keras_without_its_classifier_becomes_the_backbone(
    tmp_path: Path, suffix: str
) -> None:
    network = narrow_keras_network()
    path = tmp_path / f"saved{suffix}"
    (network.save_weights if suffix == ".weights.h5" else network.save)(path)
    model = build(NARROW)
    assert load_weights_file(model, path) is False
    pixels = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    expected = network(pixels.astype(np.float32) / 127.5 - 1, training=False)
    found = model(pixels, training=False)["embedding"]
    np.testing.assert_allclose(found, np.mean(expected, axis=(1, 2)), atol=1e-5)


def test_older_files_with_other_layer_names_are_read_in_order(tmp_path: Path) -> None:
    network = narrow_keras_network()
    path = tmp_path / "older.h5"
    network.save(path)
    with h5py.File(path, "r+") as file:
        group = file["model_weights"]
        names = [name for name in group.attrs["layer_names"]]
        for name in names:
            group.move(name, f"old_{name}")
        group.attrs["layer_names"] = [f"old_{name}" for name in names]
    model = build(NARROW)
    load_weights_file(model, path)
    for layer in network.layers:
        for mine, theirs in zip(
            model.get_layer(layer.name).weights if layer.weights else [],
            layer.weights,
            strict=True,
        ):
            np.testing.assert_array_equal(mine, theirs)


def test_the_normalization_in_keras_efficientnet_file_is_put_right(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    architecture = Architecture(backbone="efficientnet_b0", classes=2, height=32, width=32)
    model = build(architecture)
    pixels = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    before = np.asarray(model(pixels, training=False)["embedding"])
    weights = backbone_only(model)
    path = tmp_path / "published.h5"
    with h5py.File(path, "w") as file:
        layers = list(dict.fromkeys(name.partition("/")[0] for name in weights))
        file.attrs["layer_names"] = layers
        for layer in layers:
            mine = [name for name in weights if name.partition("/")[0] == layer]
            group = file.create_group(layer)
            group.attrs["weight_names"] = mine
            for name in mine:
                group[name] = weights[name]
        group = file["normalization/normalization"]
        group["mean"][:] = IMAGENET_MEAN
        group["variance"][:] = IMAGENET_DEVIATION
    load_weights_file(model, path)
    np.testing.assert_allclose(
        model(pixels, training=False)["embedding"], before, rtol=1e-4, atol=1e-9
    )


def rewritten(change: Callable[[h5py.File], object]) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        with h5py.File(path, "r+") as file:
            change(file)

    return apply


def replace(file: h5py.File, value: np.ndarray) -> None:
    del file["layers/dense/vars/1"]
    file["layers/dense/vars/1"] = value


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (
            rewritten(lambda f: replace(f, np.zeros(4, np.float32))),
            ModelError,
            "hold logits/bias of shape (4,)",
        ),
        (
            rewritten(lambda f: replace(f, np.zeros(3, np.float16))),
            ModelError,
            "hold logits/bias as float16",
        ),
        (
            rewritten(lambda f: replace(f, np.full(3, np.nan, np.float32))),
            ModelError,
            "logits/bias with 3 of 3 values NaN",
        ),
        (
            rewritten(lambda f: f["layers/dense/vars"].pop("1")),
            ModelError,
            "1 tensors for dense (expected 2)",
        ),
        (rewritten(lambda f: f["layers"].pop("conv2d")), ModelError, "lacks conv2d"),
        (
            rewritten(lambda f: f.create_dataset("layers/lstm/vars/0", data=[1.0])),
            ModelError,
            "also holds lstm",
        ),
        (rewritten(lambda f: f.pop("layers")), ModelError, "holds no weights of layers"),
        (lambda p: p.write_bytes(p.read_bytes()[:-100]), ModelError, "is not a weight file"),
        (lambda p: p.write_text("no_top.h5"), ModelError, "is not a weight file (9 bytes)"),
        (lambda p: p.write_bytes(b""), ModelError, "is not a weight file (0 bytes)"),
        (lambda p: p.unlink(), ModelError, "No weights at"),
        (
            rewritten(lambda f: f.__setitem__("x", h5py.ExternalLink("/etc/hostname", "/"))),
            UnsafeModelError,
            "x is a link to elsewhere",
        ),
        (
            rewritten(lambda f: f.__setitem__("x", h5py.SoftLink("/layers"))),
            UnsafeModelError,
            "x is a link to elsewhere",
        ),
        (
            rewritten(lambda f: f.__setitem__("layers/x", f)),
            UnsafeModelError,
            "nested without end",
        ),
        (
            rewritten(lambda f: f.create_dataset("x", (10**12,), "f4", chunks=(1024,))),
            UnsafeModelError,
            "declares 4000000",
        ),
        (
            rewritten(lambda f: f.create_dataset("x", (9,), "u1", external="/etc/hostname")),
            UnsafeModelError,
            "x is stored in another file",
        ),
        (
            rewritten(lambda f: f.create_dataset("x", data=["text"])),
            UnsafeModelError,
            "not numbers",
        ),
    ],
)
def test_what_does_not_fit_or_is_hostile_is_named_and_changes_nothing(
    model: keras.Model,
    tmp_path: Path,
    change: Callable[[Path], None],
    kind: type[ModelError],
    message: str,
) -> None:
    path = tmp_path / "w.weights.h5"
    model.save_weights(path)
    change(path)
    before = named_weights(model)
    with pytest.raises(ModelError) as caught:
        load_weights_file(model, path)
    assert type(caught.value) is kind
    assert message in str(caught.value)
    assert same(named_weights(model), before)


def test_damaged_safetensors_are_refused(model: keras.Model, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file(named_weights(model), path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match="not a readable safetensors file") as caught:
        load_weights_file(model, path)
    assert caught.value.code == "damaged_model"

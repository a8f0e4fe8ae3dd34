from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from sightline.errors import MachineError
from sightline.images import as_source, load
from sightline.models import Architecture
from sightline.models.build import build
from sightline.models.pretrained import imagenet_classes, imagenet_classifier, load_weights
from sightline.models.weights import named_weights


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def write_class_index(folder: Path, classes: int = 1000) -> None:
    index = {str(number): [f"n{number:08}", f"word_{number}"] for number in range(classes)}
    index["134"] = ["n02012849", "crane"]
    index["517"] = ["n03126707", "crane"]
    (folder / "imagenet_class_index.json").write_text(json.dumps(index))


def pixels(side: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, side, side, 3), dtype=np.uint8)


def test_none_leaves_the_random_weights() -> None:
    architecture = Architecture(backbone="small_resnet", classes=2, height=16, width=16)
    model = build(architecture)
    before = named_weights(model)
    assert load_weights(model, architecture, "none").source == "none"
    after = named_weights(model)
    assert all(np.array_equal(after[name], before[name]) for name in before)


def test_a_path_is_reported(tmp_path: Path) -> None:
    architecture = Architecture(backbone="small_resnet", classes=2, height=16, width=16)
    model = build(architecture)
    model.save_weights(tmp_path / "mine.weights.h5")
    loaded = load_weights(model, architecture, str(tmp_path / "mine.weights.h5"))
    assert loaded.file is not None and loaded.file.endswith("mine.weights.h5")
    assert loaded.head


@pytest.mark.parametrize(
    ("backbone", "alpha", "network", "file"),
    [
        ("mobilenet", 0.25, "MobileNet", "mobilenet_2_5_224_tf.h5"),
        (
            "mobilenet_v3_small",
            0.75,
            "MobileNetV3Small",
            "weights_mobilenet_v3_small_224_0.75_float.h5",
        ),
    ],
)
def test_the_ready_made_classifier_is_the_network_of_keras(
    home: Path, backbone: str, alpha: float, network: str, file: str
) -> None:
    """Both have a convolution as classifier; Keras's own answer is the witness."""
    keras.utils.set_random_seed(0)
    reference = getattr(keras.applications, network)(alpha=alpha, weights=None)
    reference.save(home / file)
    write_class_index(home)
    ready = imagenet_classifier(backbone, options={"alpha": alpha})
    images = pixels(224)
    fed = images.astype(np.float32)
    expected = reference(fed / 127.5 - 1 if backbone == "mobilenet" else fed, training=False)
    found = ready.model(images, training=False)["probabilities"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)
    assert len(set(ready.classes)) == 1000
    assert ready.classes[0] == "word 0"
    assert ready.classes[134] == "crane (bird)"
    assert ready.loaded.file == file
    assert (ready.preprocessing.height, ready.preprocessing.fit) == (224, "crop")


def test_the_published_backbone_is_loaded_by_order(home: Path) -> None:
    """Inception V3 has weights in layers without a name, numbered otherwise in every file."""
    reference = keras.applications.InceptionV3(
        include_top=False, weights=None, input_shape=(75, 75, 3), pooling="avg"
    )
    reference.save(home / "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5")
    architecture = Architecture(backbone="inception_v3", classes=2, height=75, width=75)
    model = build(architecture)
    assert not load_weights(model, architecture, "imagenet").head
    images = pixels(75)
    expected = reference(images.astype(np.float32) / 127.5 - 1, training=False)
    found = model(images, training=False)["embedding"]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_a_damaged_class_index_is_named(home: Path) -> None:
    (home / "imagenet_class_index.json").write_text('{"0": ["n01440764", "tench"]}')
    with pytest.raises(MachineError, match="not the list of ImageNet classes"):
        imagenet_classes()


@pytest.mark.shared
def test_real_weights_know_a_cat_a_parrot_and_a_hot_dog(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(shared / "keras_home"))
    ready = imagenet_classifier("mobilenet_v2")
    photos = {
        "cat_720p.jpg": {"Egyptian cat", "tabby", "tiger cat"},
        "parrot.jpg": {"macaw"},
        "hot_dog.jpg": {"hotdog"},
    }
    for name, right in photos.items():
        image = load(as_source(shared / "data" / "photos" / name), ready.preprocessing)
        answer = ready.model(image.pixels[None], training=False)
        assert ready.classes[int(np.argmax(answer["probabilities"]))] in right, name


@pytest.mark.shared
@pytest.mark.parametrize(
    ("backbone", "options", "side", "used"),
    [
        ("mobilenet_v2", {}, 224, None),
        ("mobilenet_v2", {"alpha": 0.35}, 224, None),
        ("mobilenet", {"alpha": 0.5}, 160, None),
        ("mobilenet", {"alpha": 0.25}, 128, None),
        ("mobilenet", {"alpha": 0.25}, 100, 128),
    ],
)
def test_real_weights_load_and_say_when_another_size_is_used(
    shared: Path,
    monkeypatch: pytest.MonkeyPatch,
    backbone: str,
    options: dict[str, float],
    side: int,
    used: int | None,
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(shared / "keras_home"))
    architecture = Architecture(
        backbone=backbone, classes=2, height=side, width=side, options=options
    )
    model = build(architecture)
    loaded = load_weights(model, architecture, "imagenet")
    assert [f"trained at {used}x{used}" in notice for notice in loaded.notices] == (
        [True] if used else []
    )
    spread = np.asarray(model(pixels(side), training=False)["embedding"])
    assert np.isfinite(spread).all() and spread.max() > 0.1

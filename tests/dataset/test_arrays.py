from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from sightline.dataset import Dataset, arrays
from sightline.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 9, 7, 3), dtype=np.uint8)


def labels_of(dataset: Dataset) -> list[tuple[str, ...]]:
    return [row.labels for row in dataset]


@pytest.mark.parametrize(
    ("labels", "classes", "expected"),
    [
        (["b", "a", "b", "c"], None, [("b",), ("a",), ("b",), ("c",)]),
        (np.array(["b", "a", "b", "a"]), None, [("b",), ("a",), ("b",), ("a",)]),
        (np.array([b"b", b"a", b"b", b"a"]), None, [("b",), ("a",), ("b",), ("a",)]),
        ([1, 0, 1, 10], None, [("1",), ("0",), ("1",), ("10",)]),
        (np.array([[1], [0], [1], [1]]), ["no", "yes"], [("yes",), ("no",), ("yes",), ("yes",)]),
        (np.array([2, 0, 1, 1], np.uint8), ["z", "y", "x"], [("x",), ("z",), ("y",), ("y",)]),
    ],
)
def test_one_label_each(labels, classes, expected):
    dataset = Dataset.from_arrays(IMAGES, labels, classes=classes)
    assert labels_of(dataset) == expected and dataset.task == "multi_class"
    assert dataset.classes == tuple(sorted({name for row in expected for name in row}))


@pytest.mark.parametrize(
    "labels",
    [
        [("a", "b"), (), ("b",), ("a",)],
        [["b", "a"], [], {"b"}, ["a"]],
        np.array([[1, 1], [0, 0], [0, 1], [1, 0]]),
        [[True, True], [False, False], [False, True], [True, False]],
        np.array([[1.0, 1.0], [0.0, 0.0], [0.0, 1.0], [1.0, 0.0]], np.float32),
    ],
)
def test_any_number_of_labels(labels):
    dataset = Dataset.from_arrays(IMAGES, labels, classes=["a", "b"])
    assert labels_of(dataset) == [("a", "b"), (), ("b",), ("a",)]
    assert dataset.task == "multi_label"


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (8, 8, 3), (8, 8, 4)])
def test_images_of_every_shape_have_contents(shape):
    rng = np.random.default_rng(1)
    pixels = [rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(2)]
    dataset = Dataset.from_arrays(pixels, ["a", "b"])
    assert dataset.names == ("image[0]", "image[1]") and dataset.root is None
    first, second = dataset.contents()
    assert first.ok and second.ok and first.digest != second.digest
    assert dataset.contents()[0] == first


def test_the_digest_of_an_array_is_of_its_pixels():
    same = Dataset.from_arrays([IMAGES[0], IMAGES[0].copy()], ["a", "b"]).contents()
    assert same[0].digest == same[1].digest
    flat = Dataset.from_arrays(
        [np.zeros((2, 8), np.uint8), np.zeros((8, 2), np.uint8)], ["a", "b"]
    ).contents()
    assert flat[0].digest != flat[1].digest


@pytest.mark.parametrize(
    ("images", "labels", "classes", "words"),
    [
        (IMAGES, ["a", "b"], None, "4 images and 2 labels"),
        (IMAGES / 255, list("abab"), None, r"image\[0\] has shape \(9, 7, 3\) and dtype float64"),
        (IMAGES[..., :2], list("abab"), None, "shape"),
        (IMAGES[:, :0], list("abab"), None, "shape"),
        (IMAGES, [0, 1, 2, 3], ["a", "b"], "label 2 with 2 classes"),
        (IMAGES, [0, 1, -1, 1], ["a", "b"], "label -1"),
        (IMAGES, [0.5, 1, 1, 0], ["a", "b"], "float64"),
        (IMAGES, np.zeros((4, 3), int), ["a", "b"], r"matrix \(4, 3\) for 2 classes"),
        (IMAGES, np.full((4, 2), 2), ["a", "b"], "matrix"),
        (IMAGES, ["a", ("b",), "a", "b"], None, "label 'a' among sets of names"),
    ],
)
def test_what_does_not_fit_is_refused(images, labels, classes, words):
    with pytest.raises(DataError, match=words) as caught:
        Dataset.from_arrays(images, labels, classes=classes)
    assert caught.value.code == "bad_arrays" and caught.value.expected


def test_classes_are_two_and_no_twins():
    with pytest.raises(DataError, match="at least 2 classes"):
        Dataset.from_arrays(IMAGES, list("aaaa"))
    with pytest.raises(DataError, match="differ only in case"):
        Dataset.from_arrays(IMAGES, ["a", "A", "b", "b"])


def test_npz_of_images_and_labels(tmp_path):
    path = tmp_path / "set.npz"
    np.savez_compressed(path, images=IMAGES, labels=[0, 1, 1, 0], classes=["cat", "dog"])
    dataset = Dataset.from_npz(path)
    assert labels_of(dataset) == [("cat",), ("dog",), ("dog",), ("cat",)]
    assert Dataset.open(path).classes == ("cat", "dog")
    assert dataset.names[3] == "set.npz:images[3]"


def test_npz_of_named_splits(tmp_path):
    path = tmp_path / "mnist.npz"
    np.savez(path, x_train=IMAGES, y_train=[0, 1, 0, 1], x_test=IMAGES[:2], y_test=[1, 0])
    dataset = Dataset.from_npz(path)
    assert dataset.split_counts == {"train": 4, "test": 2}
    assert dataset.part("test").label_indices().tolist() == [1, 0]


def test_npz_never_unpickles(tmp_path):
    path = tmp_path / "evil.npz"
    np.savez(path, images=IMAGES, labels=np.array(["a", None, 3, "b"], dtype=object))
    with pytest.raises(DataError, match="allow_pickle=False"):
        Dataset.from_npz(path)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 broken"])
def test_a_damaged_npz_is_refused(tmp_path, content):
    path = tmp_path / "bad.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match="not a readable"):
        Dataset.from_npz(path)


def test_a_truncated_npz_is_refused(tmp_path):
    stream = io.BytesIO()
    np.savez_compressed(stream, images=IMAGES, labels=list("abab"))
    data = bytearray(stream.getvalue())
    data[120:400] = bytes(280)
    (tmp_path / "cut.npz").write_bytes(data)
    with pytest.raises(DataError):
        Dataset.from_npz(tmp_path / "cut.npz")


@pytest.mark.parametrize("names", [("pixels", "labels"), ("images",), ("x_train", "y_test")])
def test_npz_of_other_names_shows_what_it_holds(tmp_path, names):
    path = tmp_path / "other.npz"
    np.savez(path, **dict.fromkeys(names, IMAGES))
    with pytest.raises(DataError, match=f"holds {', '.join(names)}"):
        Dataset.from_npz(path)


def test_npz_arrays_of_other_names_are_told(tmp_path):
    path = tmp_path / "more.npz"
    np.savez(path, images=IMAGES, labels=list("abab"), means=[1.0])
    (notice,) = Dataset.from_npz(path).notices
    assert notice.check == "ignored_array" and notice.paths == ("means",)


def test_npz_labels_are_of_one_kind(tmp_path):
    path = tmp_path / "two.npz"
    np.savez(path, x_train=IMAGES, y_train=np.eye(4), x_test=IMAGES, y_test=[0, 1, 2, 3])
    with pytest.raises(DataError, match="two kinds"):
        Dataset.from_npz(path)


def test_npz_too_large_to_unpack_is_refused_before_it_is(tmp_path, monkeypatch):
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, images=np.zeros((64, 64, 64), np.uint8), labels=np.zeros(64, int))
    monkeypatch.setattr(arrays, "MAX_ARRAY_BYTES", 100_000)
    monkeypatch.setattr(zipfile.ZipFile, "open", None)
    with pytest.raises(DataError, match="unpacks to"):
        Dataset.from_npz(path)

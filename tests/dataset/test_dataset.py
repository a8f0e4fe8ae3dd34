from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest

from sightline.dataset import Dataset, Row, record_rows
from sightline.errors import ConfigError, DataError, SightlineError
from sightline.images import BytesSource


def row(name: str, *labels: str, split: str | None = None, group: str | None = None) -> Row:
    return Row(source=BytesSource(name.encode(), name), labels=labels, split=split, group=group)


def animals(*rows: Row, task: str = "multi_class") -> Dataset:
    return Dataset(rows=rows, classes=("cat", "dog"), task=task)


PETS = animals(
    row("a", "dog", split="train"), row("b", "cat", split="train"), row("c", "dog", split="test")
)


def test_a_dataset_is_immutable_and_travels_between_processes():
    with pytest.raises(FrozenInstanceError):
        PETS.rows = ()
    assert pickle.loads(pickle.dumps(PETS)) == PETS


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"rows": (row("a", "cat"), row("a", "dog"))}, "same name"),
        ({"rows": (row("a", "bird"),)}, "labels"),
        ({"rows": (row("a", "cat", "dog"),)}, "a has 2 labels"),
        ({"rows": (row("a"),)}, "a has 0 labels"),
        ({"rows": (row("a", "cat", "cat"),), "task": "multi_label"}, "labels"),
        ({"rows": (row("a", "cat", split="val"),)}, "split 'val'"),
        ({"rows": (), "classes": ("dog", "cat")}, "in order of name"),
        ({"rows": (), "classes": ("cat", "cat")}, "distinct"),
    ],
)
def test_rows_and_classes_must_fit(fields, words):
    with pytest.raises(DataError, match=words):
        Dataset(**{"classes": ("cat", "dog"), **fields})


def test_counts_and_parts():
    assert len(PETS) == 3 and PETS.names == ("a", "b", "c")
    assert PETS.class_counts() == {"cat": 1, "dog": 2}
    assert PETS.split_counts == {"train": 2, "test": 1} and PETS.has_splits
    assert PETS.part("train").names == ("a", "b")
    assert PETS.part("test").classes == ("cat", "dog")
    with pytest.raises(ConfigError, match="Did you mean 'train'"):
        PETS.part("trian")


def test_without_drops_names_and_knows_them():
    assert PETS.without({"a", "c"}).names == ("b",)
    assert PETS.without([]) == PETS
    with pytest.raises(ConfigError, match="1 name not in the dataset:\n  x"):
        PETS.without(["a", "x"])


def test_splits_can_be_set_and_taken_away():
    changed = PETS.with_splits({"a": "validation", "c": None})
    assert [r.split for r in changed] == ["validation", "train", None]
    assert not changed.has_splits
    assert PETS.without_splits().split_counts == {}
    with pytest.raises(DataError):
        PETS.with_splits({"a": "holdout"})


def test_labels_are_matched_by_name_never_by_position():
    assert PETS.label_indices().tolist() == [1, 0, 1]
    assert PETS.label_indices(["dog", "bird", "cat"]).tolist() == [0, 2, 0]
    assert PETS.label_indices().dtype == np.int64
    assert PETS.label_matrix(["dog", "cat"]).tolist() == [[1, 0], [0, 1], [1, 0]]
    with pytest.raises(DataError, match="Unknown 1 class:\n  dog"):
        PETS.label_indices(["cat", "bird"])


def test_a_multi_label_dataset_has_a_matrix_and_no_indices():
    both = animals(row("a", "dog", "cat"), row("b"), task="multi_label")
    assert both.label_matrix().tolist() == [[1, 1], [0, 0]]
    assert both.label_matrix().dtype == np.float32
    with pytest.raises(ConfigError, match="no single class"):
        both.label_indices()


def test_the_fingerprint_is_of_content_labels_groups_and_splits(fill):
    root = fill({"cat/a.png": "a", "cat/b.png": "b", "dog/c.png": "c"})
    dataset = Dataset.from_folder(root)
    first = dataset.fingerprint(dataset.contents())
    (root / "cat/a.png").rename(root / "cat/z.png")
    again = Dataset.from_folder(root)
    assert again.fingerprint(again.contents()) == first and len(first) == 64

    def fingerprint(rows: tuple[Row, ...]) -> str:
        changed = replace(again, rows=rows)
        return changed.fingerprint(changed.contents())

    one, *rest = again.rows
    assert fingerprint((*rest, one)) == first
    for change in ({"labels": ("dog",)}, {"split": "test"}, {"group": "g"}):
        assert fingerprint((replace(one, **change), *rest)) != first
    assert fingerprint((*rest,)) != first
    (root / "dog/c.png").write_bytes((root / "cat/b.png").read_bytes())
    assert fingerprint(again.rows) != first


def test_the_record_holds_what_a_bundle_keeps(fill):
    dataset = Dataset.from_folder(fill({"train/cat/a.png": "a", "train/dog/b.png": "b"}))
    contents = dataset.contents()
    first, _ = record_rows(dataset, contents)
    assert first == (contents[0].digest, ("cat",), None, "train", "train/cat/a.png", False)
    assert first.digest == contents[0].digest and first.name == "train/cat/a.png"


def test_open_takes_whatever_it_is(fill):
    root = fill({"cat/a.png": "a", "dog/b.png": "b"})
    folder = Dataset.open(str(root))
    folder.save_manifest(root / "m.jsonl")
    assert Dataset.open(root / "m.jsonl") == folder
    assert Dataset.open(root, task="multi_label").task == "multi_label"


@pytest.mark.parametrize("name", ["photo.jpg", "data.zip", "notes"])
def test_open_says_what_it_can_open(tmp_path: Path, name):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ConfigError, match="not of a kind") as caught:
        Dataset.open(tmp_path / name)
    assert ".csv" in str(caught.value.expected) and ".npz" in str(caught.value.expected)


@pytest.mark.parametrize(
    "reader", [Dataset.open, Dataset.from_folder, Dataset.from_manifest, Dataset.from_npz]
)
def test_nothing_there_is_a_matter_of_the_command(tmp_path, reader):
    with pytest.raises(SightlineError) as caught:
        reader(tmp_path / "none" / "data.csv")
    assert caught.value.exit_code == 2 and str(tmp_path) in str(caught.value.fix)


def test_contents_of_another_dataset_are_refused():
    contents = PETS.contents()
    for use in (PETS.fingerprint, lambda given: PETS.split(contents=given)):
        with pytest.raises(ConfigError, match="2 contents for 3 rows"):
            use(contents[:2])

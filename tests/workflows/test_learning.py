"""The images that compression learns from are those on record, each in its split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sightline.dataset import Dataset
from sightline.errors import DataError
from sightline.models.bundle import read_bundle
from sightline.workflows.learning import on_record

pytestmark = pytest.mark.train


def test_splits_and_roles_are_those_on_record(trained: Any, digits: Path) -> None:
    bundle = read_bundle(trained.path)
    first = next(iter(sorted(digits.rglob("*.png"))))
    first.rename(first.with_name("renamed.png"))  # content counts, not the name
    new = first.with_name("new.png")
    new.write_bytes(first.with_name("renamed.png").read_bytes() + b"\0")
    dataset = Dataset.from_folder(digits)
    contents = dataset.contents()
    data = on_record(bundle, dataset, contents)
    assert len(data.dataset) == len(dataset) - 1, "the new image is left out"
    known = {row.digest: row for row in bundle.record()}
    for row, content in zip(data.dataset.rows, data.contents, strict=True):
        assert row.split == known[content.digest].split
    roles = {
        content.digest: own for content, own in zip(data.contents, data.calibrates, strict=True)
    }
    assert all(roles[row.digest] == row.calibrates for row in bundle.record())
    unnamed = [row._replace(name="") for row in data.record()]
    assert sorted(unnamed) == sorted(row._replace(name="") for row in bundle.record())


def test_images_of_other_models_are_refused(trained: Any, digits: Path) -> None:
    bundle = read_bundle(trained.path)
    dataset = Dataset.from_folder(digits)
    contents = dataset.contents()
    known = {row.digest: row.split for row in bundle.record()}
    without = [
        row.name
        for row, content in zip(dataset.rows, contents, strict=True)
        if known[content.digest] == "test"
    ]
    smaller = dataset.without(without)
    with pytest.raises(DataError, match="are test images") as caught:
        on_record(bundle, smaller, smaller.contents())
    assert caught.value.code == "nothing_on_record"

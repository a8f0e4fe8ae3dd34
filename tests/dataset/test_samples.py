from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightline.dataset import Dataset, write_digits
from sightline.errors import ConfigError, MissingPackageError


@pytest.mark.train
def test_digits_are_a_folder_for_each_class(tmp_path: Path):
    folder = write_digits(tmp_path / "digits", per_class=6)
    dataset = Dataset.from_folder(folder)
    assert dataset.class_counts() == {str(digit): 6 for digit in range(10)}
    assert dataset.names[:2] == ("0/digits_0001.png", "0/digits_0002.png")
    assert dataset.notices == () and list(tmp_path.iterdir()) == [folder]
    with Image.open(folder / "3/digits_0001.png") as image:
        assert image.size == (32, 32) and image.mode == "L"
        assert np.asarray(image).max() > 200


@pytest.mark.train
def test_all_digits_can_be_split(tmp_path: Path):
    dataset = Dataset.from_folder(write_digits(tmp_path / "digits"))
    contents = dataset.contents()
    assert len(dataset) == 1797 and all(content.ok for content in contents)
    parts = dataset.split(contents=contents)
    for part, share in zip(parts, (0.7, 0.15, 0.15), strict=True):
        assert abs(len(part) / 1797 - share) < 0.04
    # Drawn digits all look alike: looks must not be taken for copying.
    assert parts[0].notices == ()


@pytest.mark.train
def test_nothing_is_written_over(tmp_path: Path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not an empty folder"):
        write_digits(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_without_scikit_learn_the_remedy_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingPackageError, match="pip install"):
        write_digits(tmp_path / "digits")
    assert list(tmp_path.iterdir()) == []

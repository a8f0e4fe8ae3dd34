from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sightline.batches import ArrayCache
from sightline.dataset import Dataset
from sightline.images import Preprocessing
from sightline.models import Architecture
from sightline.models.build import build
from sightline.models.parts import embedding_model
from sightline.training.features import FrozenBackbone
from sightline.training.parts import Part

from .conftest import pictures

SIDE = 16


@pytest.fixture
def part() -> Part:
    pixels, targets = pictures(5)
    dataset = Dataset.from_arrays(pixels, [str(label) for label in targets.argmax(axis=1)])
    return Part.of(
        dataset,
        dataset.contents(),
        classes=("0", "1"),
        preprocessing=Preprocessing(height=SIDE, width=SIDE),
    )


@pytest.mark.parametrize("mirrored", [False, True])
def test_features_are_those_of_keras_and_are_kept(
    part: Part, tmp_path: Path, mirrored: bool
) -> None:
    architecture = Architecture(backbone="small_resnet", classes=2, height=SIDE, width=SIDE)
    model = build(architecture)
    backbone = FrozenBackbone(model, architecture, part.preprocessing, tmp_path / "graphs")
    pixels = part.decode(np.arange(5))
    seen = np.stack([pixels, pixels[:, :, ::-1]], axis=1).reshape(-1, SIDE, SIDE, 3)
    expected = embedding_model(model)(seen if mirrored else pixels)["embedding"].numpy()
    cache = ArrayCache(tmp_path / "arrays")
    first = backbone.features(part, cache, mirrored=mirrored, progress=unheard)
    assert np.abs(first - expected).max() < 1e-4 * np.abs(expected).max()
    again = backbone.features(part, cache, mirrored=mirrored, pixels=Gone(), progress=unheard)
    assert np.array_equal(first, again)


def unheard(done: int, total: int) -> None:
    """Ignore how far it is."""


class Gone:
    """Pixels that nobody may ask for."""

    def __len__(self) -> int:
        return 5

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        raise AssertionError("features that are kept were computed again")

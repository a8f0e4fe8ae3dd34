"""Small images and folders of them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Fill = Callable[[Mapping[str, str]], Path]


def picture(word: str, *, side: int = 24) -> np.ndarray:
    """Return noise that depends on `word` alone: other words look nothing alike."""
    rng = np.random.default_rng(list(word.encode("utf-8", "surrogateescape")))
    coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def png(word: str, *, side: int = 24) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture(word, side=side)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("SIGHTLINE_CACHE", str(directory))
    return directory


@pytest.fixture
def fill(tmp_path: Path) -> Fill:
    """Return a function that writes {relative path: picture's word} under a new root."""

    def write(files: Mapping[str, str]) -> Path:
        root = tmp_path / "data"
        for name, word in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(word))
        return root

    return write

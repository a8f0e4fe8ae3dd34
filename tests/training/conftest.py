"""A small problem that a small network learns in seconds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import keras
import numpy as np
import pytest

from sightline.batches import Examples, digest_keys
from sightline.batches.stream import TrainingBatches
from sightline.models import Architecture
from sightline.models.build import build
from sightline.training.determinism import make_deterministic
from sightline.training.history import Tally
from sightline.training.recipe import DEFAULTS, Optimisation

SIDE = 12


@pytest.fixture(autouse=True, scope="session")
def deterministic() -> None:
    """Bit-identity is claimed with op determinism on, and it is process-wide."""
    make_deterministic()


class Notebook:
    """A watcher that writes everything down, and may be told to do something at a step."""

    def __init__(self, at_step: Callable[[int], None] = lambda done: None) -> None:
        self.steps: list[int] = []
        self.rows: list[Mapping[str, float]] = []
        self.notes: list[str] = []
        self._at_step = at_step

    @contextmanager
    def stage(self, title: str) -> Iterator[Callable[[int, int], None]]:
        yield lambda done, total: None

    def step(self, done: int, total: int, tally: Tally) -> None:
        self.steps.append(done)
        self._at_step(done)

    def epoch(self, row: Mapping[str, float]) -> None:
        self.rows.append(row)

    def note(self, message: str) -> None:
        self.notes.append(message)


def pictures(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy pictures whose class is the side that is bright, and one-hot targets."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    pixels = rng.integers(0, 120, (count, SIDE, SIDE, 3))
    for row, label in enumerate(labels):
        half = slice(0, SIDE // 2) if label else slice(SIDE // 2, SIDE)
        pixels[row, :, half] += 90
    return pixels.astype(np.uint8), np.eye(2, dtype=np.float32)[labels]


def examples(count: int, seed: int = 0) -> Examples:
    pixels, targets = pictures(count, seed)
    digests = [hashlib.sha256(picture.tobytes()).hexdigest() for picture in pixels]
    return Examples(
        pixels=pixels,
        targets=targets,
        weights=np.ones(count, np.float32),
        keys=digest_keys(digests),
    )


def small_model(seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return build(
        Architecture(
            backbone="tutorial_cnn",
            classes=2,
            height=SIDE,
            width=SIDE,
            dropout=0.3,
            options={"filters": [4, 8], "dense_units": 8, "dropout": 0.2},
        )
    )


def small_optimisation(**changes: object) -> Optimisation:
    default = DEFAULTS["scratch", "quick"]
    if default is None:
        raise ValueError("the default has no gradient part")
    chosen = {"epochs": 3, "batch_size": 16, "learning_rate": 0.05, **changes}
    return replace(default, **chosen)  # type: ignore[arg-type]


def batches(optimisation: Optimisation, count: int = 72) -> TrainingBatches:
    return TrainingBatches(
        examples=examples(count),
        augmentation=optimisation.augmentation,
        batch_size=optimisation.batch_size,
        seed=5,
    )

"""A sample that trains in a second, and a model of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def all_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return 20 handwritten digits of each class in folders; not to be changed."""
    from sightline.dataset import write_digits

    return write_digits(tmp_path_factory.mktemp("data") / "digits", per_class=20)


@pytest.fixture
def digits(all_digits: Path, tmp_path: Path) -> Path:
    """Return a copy of the digits that a test may change."""
    return Path(shutil.copytree(all_digits, tmp_path / "digits"))


@pytest.fixture(scope="session")
def trained(all_digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return what training on the digits gave (`TrainResult`)."""
    from sightline.training.determinism import make_deterministic

    from .training import run

    make_deterministic()  # or the tests of equal bits would hang on which test is the first
    return run(all_digits, tmp_path_factory.mktemp("trained") / "digits.sightline")


@pytest.fixture
def keep(digits: Path) -> Callable[..., Path]:
    """Return a function that leaves only some of the digits' classes."""

    def keep(*classes: str) -> Path:
        for folder in digits.iterdir():
            if folder.name not in classes:
                shutil.rmtree(folder)
        return digits

    return keep

"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of real data and weights, or skip the test by name where it is absent."""
    folder = Path(os.environ.get("SIGHTLINE_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"real data absent: {folder} (set SIGHTLINE_SHARED)")
    return folder.resolve()

"""Which of those that qualify wins."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sightline.workflows.choosing import Preference, Tried, best


def tried(name: str, *, ms: float, size: int, limit: float = 0.0) -> Tried:
    exported: Any = SimpleNamespace(export=SimpleNamespace(size=size))
    bundle: Any = None
    return Tried(name=name, bundle=bundle, exported=exported, limit=limit, milliseconds=ms)


@pytest.mark.parametrize(
    ("prefer", "candidates", "winner"),
    [
        ("speed", [("a", 2.0, 100, 0.0), ("b", 1.0, 400, 0.0)], "b"),
        ("size", [("a", 2.0, 100, 0.0), ("b", 1.0, 400, 0.0)], "a"),
        # As fast: the smaller one, though it was a little slower.
        ("speed", [("a", 1.0, 400, 0.0), ("b", 1.05, 100, 0.02)], "b"),
        # As fast and as small: the one that loses less.
        ("speed", [("a", 1.0, 100, 0.02), ("b", 1.09, 103, 0.01)], "b"),
        # Equals in all: the usual way, which is tried first.
        ("speed", [("a", 1.05, 100, 0.01), ("b", 1.0, 100, 0.01)], "a"),
        # What is no faster than another must not win by being like a slower one.
        ("speed", [("a", 1.0, 400, 0.0), ("b", 1.2, 100, 0.0)], "a"),
    ],
)
def test_times_that_are_alike_do_not_decide(
    prefer: Preference, candidates: list[tuple[str, float, int, float]], winner: str
) -> None:
    given = [tried(name, ms=ms, size=size, limit=limit) for name, ms, size, limit in candidates]
    assert best(given, prefer).name == winner

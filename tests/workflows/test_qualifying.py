"""What qualifies, and which of that wins."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sightline.errors import CheckFailedError, ModelError
from sightline.evaluation.noninferiority import Turned
from sightline.workflows.qualifying import Preference, Tried, best, in_turn


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
        # Equals in all: the one that was tried first.
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


def outcome(word: str) -> Tried:
    bundle: Any = None
    plain = Tried(name=word, bundle=bundle)
    return {
        "same": replace(plain, same=True),
        "shown": replace(plain, shown=True),
        "not shown": plain,
        "disagrees": replace(plain, refused=CheckFailedError("It disagrees.")),
        "cannot be made": replace(plain, refused=ModelError("It cannot be made.")),
    }[word]


@pytest.mark.parametrize(
    ("outcomes", "qualified"),
    [
        (["same", "shown", "shown"], [True, True, True]),
        (["shown", "not shown", "shown", "same"], [True, False, False, True]),
        (["disagrees", "shown"], [False, False]),
        (["cannot be made", "shown"], [False, True]),
        ([], []),
    ],
)
def test_nothing_counts_after_what_is_not_shown(outcomes: list[str], qualified: list[bool]) -> None:
    assert [one.qualified for one in in_turn(map(outcome, outcomes))] == qualified


def test_what_is_needed_is_what_all_before_it_need_too() -> None:
    few, many, none = (replace(outcome("not shown"), needed=needed) for needed in (10, 300, None))
    assert [one.needed for one in in_turn([few, many, few])] == [10, 300, 300]
    assert [one.needed for one in in_turn([few, none, few])] == [10, None, None]
    assert [one.needed for one in in_turn([outcome("disagrees"), few])] == [None, None]
    assert [one.needed for one in in_turn([outcome("cannot be made"), few])] == [None, 10]


def test_however_many_are_tried_bad_ones_are_seldom_taken() -> None:
    """Ten ways, as independent as can be, each of which loses exactly what must be excluded."""
    rng, n, drop = np.random.default_rng(0), 500, 0.02
    taken = alone = 0
    for _ in range(400):
        lost = rng.binomial(n, drop + 0.01, 10)
        won = rng.binomial(n, 0.01, 10)
        limits = [
            Turned(lost=a, won=b, n=n).limit()
            for a, b in zip(lost.tolist(), won.tolist(), strict=True)
        ]
        tried = [replace(outcome("not shown"), shown=limit <= drop) for limit in limits]
        taken += any(one.qualified for one in in_turn(tried))
        alone += any(one.shown for one in tried)
    assert taken / 400 < 0.08 and alone / 400 > 0.25

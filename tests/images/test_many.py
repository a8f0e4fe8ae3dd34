"""Parts of many items, in the caller's thread or in others."""

from __future__ import annotations

import threading
import time

import pytest

from sightline.images import many
from sightline.images.many import Workers


def _slow(part: range) -> list[int]:
    until = time.thread_time() + 0.001 * len(part)
    while time.thread_time() < until:
        pass
    return list(part)


@pytest.mark.parametrize("work", [list, _slow])
@pytest.mark.parametrize("count", [0, 1, 4, 5, 97])
def test_every_item_is_worked_on_once_and_in_order(work, count: int) -> None:
    parts = list(Workers(3).in_parts(work, range(count)))
    assert [item for part in parts for item in part] == list(range(count))


def _threads(work, count: int) -> set[int]:
    seen: set[int] = set()

    def noting(part: range) -> None:
        seen.add(threading.get_ident())
        work(part)

    list(Workers(2).in_parts(noting, range(count)))
    return seen


def test_what_is_slow_runs_in_threads_and_what_is_quick_in_the_callers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert len(_threads(_slow, 100)) == 3
    monkeypatch.setattr(many, "_ALONE_SECONDS", 1.0)
    assert _threads(list, 100) == {threading.get_ident()}


def test_what_turns_slow_moves_to_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "_ALONE_SECONDS", 0.0005)
    assert len(_threads(lambda part: _slow(part) if part[0] > 50 else None, 200)) == 3


@pytest.mark.parametrize("bad", [0, 60])
def test_an_error_comes_through_and_no_thread_stays(bad: int) -> None:
    def failing(part: range) -> None:
        _slow(part)
        if bad in part:
            raise RuntimeError("broken")

    before = threading.active_count()
    with pytest.raises(RuntimeError, match="broken"):
        list(Workers(2).in_parts(failing, range(100)))
    assert threading.active_count() == before


def test_closing_early_drops_what_has_not_begun() -> None:
    begun: list[int] = []
    parts = Workers(2).in_parts(lambda part: (begun.extend(part), _slow(part)), range(1000))
    next(parts)
    next(parts)
    parts.close()
    assert len(begun) < 60

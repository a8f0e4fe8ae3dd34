from __future__ import annotations

import io
import threading

import pytest
from rich.console import Console as Screen

from sightline.cli.progress import PlainProgress, duration, track


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def written():
    return []


@pytest.fixture
def lines(clock, written):
    return PlainProgress("Reading", written.append, clock=clock)


def test_short_work_says_nothing(lines, clock, written):
    for done in range(1, 5):
        clock.now = done
        lines.advance(done, 4)
    lines.finish()
    assert written == []


def test_a_line_every_five_seconds_with_rate_and_time_left(lines, clock, written):
    for done in range(1, 13):
        clock.now = done
        lines.advance(10 * done, 120)
    lines.finish()
    assert written == [
        "Reading: 50/120, 10.0/s, 7 s left",
        "Reading: 100/120, 10.0/s, 2 s left",
        "Reading: 120/120 in 12 s",
    ]


def test_what_was_done_before_is_no_part_of_the_rate(lines, clock, written):
    for step in range(61, 91):  # the third epoch of four, with thirty steps each
        lines.advance(step, 120)
        clock.now += 1
    assert written[0] == "Reading: 66/120, 1.0/s, 54 s left"
    lines.advance(120, 120)
    lines.finish()
    assert written[-1] == "Reading: 120/120"


def test_an_unfinished_end_is_said_too(lines, clock, written):
    clock.now = 6
    lines.advance(0, 3)
    clock.now = 7
    lines.advance(1, 3)
    lines.finish()
    assert written == ["Reading: 0/3", "Reading: 1/3, 0.1/s, 14 s left"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_duration(seconds, words):
    assert duration(seconds) == words


def test_a_terminal_gets_a_bar_that_is_cleared():
    stream = io.StringIO()
    screen = Screen(file=stream, force_terminal=True, width=80)
    with track(screen, "Reading [bold]") as advance:
        threads = [threading.Thread(target=advance, args=(n, 4)) for n in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert "Reading [bold]" in stream.getvalue()


def test_a_pipe_gets_lines(clock):
    stream = io.StringIO()
    with track(Screen(file=stream), "Reading", clock=clock) as advance:
        clock.now = 5
        advance(1, 2)
    assert stream.getvalue() == "Reading: 1/2, 0.2/s, 5 s left\n"

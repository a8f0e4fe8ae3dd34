"""Progress on standard error: a bar on a terminal, a plain line every few seconds elsewhere.

Both say how many, how fast and how long still. Work that ends at once shows nothing in a log.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console as Screen
from rich.text import Text

_SECONDS_BETWEEN_LINES = 5.0
_AT_ONCE = 0.1


@contextmanager
def track(
    screen: Screen, label: str, *, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that takes (done, total) and shows it on `screen`."""
    if screen.is_terminal:
        with _bar(screen, label) as advance:
            yield advance
        return
    lines = PlainProgress(label, lambda line: screen.print(Text(line), soft_wrap=True), clock=clock)
    try:
        yield lines.advance
    finally:
        lines.finish()


class PlainProgress:
    """Says how far the work is in lines, for logs and pipes.

    Args:
        label: What is being done.
        write: Takes one line.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        label: str,
        write: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._label = label
        self._write = write
        self._clock = clock
        self._started = self._written = clock()
        self._before: int | None = None
        self._last: tuple[int, int] | None = None
        self._shown: tuple[int, int] | None = None
        self._lock = threading.Lock()

    def advance(self, done: int, total: int) -> None:
        """Note that `done` of `total` are done; write a line when the last one is old."""
        with self._lock:
            if self._before is None:
                # What is done at once was done before: by an earlier run, or an earlier epoch.
                self._before = done if self._clock() - self._started < _AT_ONCE else 0
            self._last = (done, total)
            if self._clock() - self._written >= _SECONDS_BETWEEN_LINES:
                self._show()

    def finish(self) -> None:
        """Write the last state if earlier ones were written, so that a log has its end."""
        with self._lock:
            if self._shown is not None and self._shown != self._last:
                self._show()

    def _show(self) -> None:
        if self._last is None:
            return
        self._written = self._clock()
        self._shown = self._last
        done, total = self._last
        seconds = self._written - self._started
        line = f"{self._label}: {done}/{total}"
        worked = done - (self._before or 0)
        if done >= total:
            line += "" if self._before else f" in {duration(seconds)}"
        elif worked and seconds > 0:
            rate = worked / seconds
            line += f", {rate:.1f}/s, {duration((total - done) / rate)} left"
        self._write(line)


def duration(seconds: float) -> str:
    """Return `seconds` as people write it: `8 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


@contextmanager
def _bar(screen: Screen, label: str) -> Iterator[Callable[[int, int], None]]:
    # rich.progress costs as much to import as the rest of rich; most commands end without it.
    from rich import progress

    class Rate(progress.ProgressColumn):
        def render(self, task: progress.Task) -> Text:
            return Text(f"{task.speed:.1f}/s" if task.speed else "", style="dim")

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        Rate(),
        progress.TimeRemainingColumn(compact=True),
    )
    with progress.Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)

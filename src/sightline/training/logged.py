"""A watcher that writes to the log, which is how a library speaks (`training.loop.Watcher`).

`logging.basicConfig(level="INFO")` shows it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from sightline.training.history import Tally

_log = logging.getLogger("sightline.training")
_SECONDS_BETWEEN = 10.0


class LoggingWatcher:
    """Logs stages and epochs as they come, and how far long ones are every ten seconds.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told = clock()

    @contextmanager
    def stage(self, title: str) -> Iterator[Callable[[int, int], None]]:
        """Log that something long begins, and how far it is."""
        self._told = self._clock()
        _log.info("%s", title)

        def advance(done: int, total: int) -> None:
            if self._due():
                _log.info("%s: %d of %d", title, done, total)

        yield advance

    def step(self, done: int, total: int, tally: Tally) -> None:
        """Log the steps, now and then."""
        if self._due():
            figures = tally.measures()
            _log.info(
                "step %d of %d: loss %.3f, accuracy %.3f",
                *(done, total, figures["loss"], figures["accuracy"]),
            )

    def epoch(self, row: Mapping[str, float]) -> None:
        """Log the figures of a finished epoch."""
        _log.info(
            "epoch %d: loss %.3f, accuracy %.3f; validation loss %.3f, accuracy %.3f",
            row["epoch"],
            *(row["loss"], row["accuracy"], row["validation_loss"], row["validation_accuracy"]),
        )

    def note(self, message: str) -> None:
        """Log a remark."""
        _log.warning("%s", message)

    def _due(self) -> bool:
        now = self._clock()
        if now - self._told < _SECONDS_BETWEEN:
            return False
        self._told = now
        return True

"""Stopping when asked: the first signal lets the step finish and the state be saved."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class StopRequest:
    """Whether a signal has asked the run to stop.

    Args:
        before_exit: Called when a second signal ends the process at once.

    Attributes:
        signal_number: The signal, or `None` while none has come.
    """

    def __init__(self, *, before_exit: Callable[[], None] | None = None) -> None:
        self.signal_number: int | None = None
        self._before_exit = before_exit

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.signal_number is not None:
            if self._before_exit is not None:
                self._before_exit()
            os._exit(128 + number)  # asked twice: go at once, the last checkpoint is whole
        self.signal_number = number


@contextmanager
def stop_on_signals(*, before_exit: Callable[[], None] | None = None) -> Iterator[StopRequest]:
    """Turn SIGINT and SIGTERM into a `StopRequest` while the block runs.

    Handlers are process-wide and can only be set in the main thread: elsewhere the request
    never comes and the host program's own handlers stay.

    Args:
        before_exit: Called when a second signal ends the process at once: it has no time to
            unwind, and may have a terminal to set right.
    """
    request = StopRequest(before_exit=before_exit)
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, request._receive) for number in numbers}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

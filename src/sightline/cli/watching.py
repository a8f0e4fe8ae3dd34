"""A watcher of training runs that speaks through the console (`training.loop.Watcher`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from typing import Protocol

from sightline.cli.console import Console


class _Measured(Protocol):
    def measures(self) -> dict[str, float]: ...


class ConsoleWatcher:
    """Shows a bar for each stage and for the steps, and a line of figures after each epoch.

    Args:
        console: Where it speaks.
        epochs: Whether it tells each epoch's figures.
    """

    def __init__(self, console: Console, *, epochs: bool = True) -> None:
        self._console = console
        self._epochs = epochs
        self._bar: Callable[[int, int], None] | None = None
        self._open = ExitStack()

    def stage(self, title: str) -> AbstractContextManager[Callable[[int, int], None]]:
        """Show a bar titled `title`."""
        self.close()
        return self._console.progress(title.capitalize())

    def step(self, done: int, total: int, tally: _Measured) -> None:
        """Move the bar of the training steps."""
        if self._bar is None:
            self._bar = self._open.enter_context(self._console.progress("Training steps"))
        self._bar(done, total)

    def epoch(self, row: Mapping[str, float]) -> None:
        """Print the figures of a finished epoch."""
        if not self._epochs:
            return
        self.close()
        self._console.note(
            f"epoch {row['epoch']:.0f}: {row['seconds']:.0f} s\n"
            f"  training    {_figures(row, '')}\n"
            f"  validation  {_figures(row, 'validation_')}"
        )

    def note(self, message: str) -> None:
        """Print a remark."""
        self._console.warning(message)

    def close(self) -> None:
        """Take the bar of the steps away."""
        self._open.close()
        self._bar = None


class Stages:
    """Shows one bar at a time, named after what is being done; a watcher of training runs, too.

    Args:
        console: Where it speaks.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._title = ""
        self._open = ExitStack()
        self._bar: Callable[[int, int], None] | None = None

    def progress(self, title: str, done: int, total: int) -> None:
        """Move the bar of this title, which takes the place of another."""
        if self._bar is None or title != self._title:
            self.close()
            self._title = title
            words = title[:1].upper() + title[1:]
            self._bar = self._open.enter_context(self._console.progress(words))
        self._bar(done, total)

    def stage(self, title: str) -> AbstractContextManager[Callable[[int, int], None]]:
        """Show a bar titled `title`."""
        return nullcontext(partial(self.progress, title))

    def step(self, done: int, total: int, tally: _Measured) -> None:
        """Move the bar of the training steps."""
        self.progress("training for 8 bits", done, total)

    def epoch(self, row: Mapping[str, float]) -> None:
        """Say nothing: what is asked for is an export."""

    def note(self, message: str) -> None:
        """Print a remark."""
        self._console.warning(message)

    def close(self) -> None:
        """Take the bar away."""
        self._open.close()
        self._bar = None


def _figures(row: Mapping[str, float], prefix: str) -> str:
    names = ("loss", "accuracy", "precision", "recall")
    return "  ".join(f"{name} {row[prefix + name]:.3f}" for name in names)

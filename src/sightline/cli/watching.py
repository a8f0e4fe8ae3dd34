"""A watcher of training runs that speaks through the console (`training.loop.Watcher`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
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


class BarWatcher:
    """Tells of a training run within a bar that is shown already.

    Args:
        console: Where remarks go.
        bar: Called with (done, total).
    """

    def __init__(self, console: Console, bar: Callable[[int, int], None]) -> None:
        self._console = console
        self._bar = bar

    def stage(self, title: str) -> AbstractContextManager[Callable[[int, int], None]]:
        """Let the bar tell of a stage."""
        return nullcontext(self._bar)

    def step(self, done: int, total: int, tally: _Measured) -> None:
        """Let the bar tell of the training steps."""
        self._bar(done, total)

    def epoch(self, row: Mapping[str, float]) -> None:
        """Say nothing: what is asked for is an export."""

    def note(self, message: str) -> None:
        """Print a remark."""
        self._console.warning(message)


def _figures(row: Mapping[str, float], prefix: str) -> str:
    names = ("loss", "accuracy", "precision", "recall")
    return "  ".join(f"{name} {row[prefix + name]:.3f}" for name in names)

"""Where words go: results to standard output, messages and progress to standard error.

Verbs print through a `Console` and nothing else prints. Text that holds the name of a file or
class is shown with its control characters escaped and never read as markup.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

import rich.console
from rich import box
from rich.table import Table
from rich.text import Text

from sightline.cli.progress import track
from sightline.errors import SightlineError
from sightline.files import pretty_json, printable

_WIDTH_OF_A_PIPE = 160


class Console:
    """What a verb says to its user.

    Args:
        as_json: Whether the result was asked for as JSON; a verb looks at `as_json` and prints
            either `document` or its words, never both.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._results = _screen(sys.stdout)
        self._messages = _screen(sys.stderr)

    def line(self, text: str = "", *, style: str = "") -> None:
        """Print a line of the result."""
        self._results.print(Text(safe(text), style=style), soft_wrap=True)

    def document(self, value: Mapping[str, Any]) -> None:
        """Print the result as JSON."""
        self._results.file.write(pretty_json(value))

    def json_line(self, value: Mapping[str, Any]) -> None:
        """Print one of many results as a line of JSON."""
        self._results.file.write(json.dumps(value, ensure_ascii=True, allow_nan=False) + "\n")

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[str | Text]],
        *,
        right: Collection[str] = (),
    ) -> None:
        """Print a table of the result.

        Args:
            columns: The headings; all empty, and none are shown.
            rows: One cell for each column; `Text` carries a style.
            right: The headings of columns that hold numbers.
        """
        headed = any(columns)
        table = Table(
            box=box.SIMPLE_HEAD if headed else None,
            show_header=headed,
            padding=(0, 2, 0, 0),
            pad_edge=False,
            show_edge=False,
        )
        for name in columns:
            table.add_column(name, justify="right" if name in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text(safe(cell)) if isinstance(cell, str) else cell for cell in row))
        self._results.print(table)

    def note(self, text: str) -> None:
        """Print a message that is not part of the result."""
        self._messages.print(Text(safe(text)), soft_wrap=True)

    def warning(self, text: str) -> None:
        """Print a message that the user should not miss."""
        self._messages.print(
            Text.assemble(("Warning: ", "bold yellow"), safe(text)), soft_wrap=True
        )

    def fault(self, text: str) -> None:
        """Print a message about what would stop other work, though not this."""
        self._messages.print(Text.assemble(("Error: ", "bold red"), safe(text)), soft_wrap=True)

    def failure(self, error: SightlineError) -> None:
        """Print what happened, what was expected and what to do."""
        parts: list[str | tuple[str, str]] = [("Error: ", "bold red"), safe(error.what)]
        for label, part in (("Expected: ", error.expected), ("To do: ", error.fix)):
            if part:
                parts += ["\n", (label, "bold"), safe(part)]
        self._messages.print(Text.assemble(*parts), soft_wrap=True)

    @contextmanager
    def progress(self, label: str) -> Iterator[Callable[[int, int], None]]:
        """Show how far a piece of work has come while the block runs.

        Args:
            label: What is being done, for example `"Reading images"`.

        Yields:
            A function to call with (done, total), from any thread.
        """
        with track(self._messages, label) as advance:
            yield advance

    def restore_cursor(self) -> None:
        """Show the cursor that a progress bar hides; safe in a signal handler."""
        if self._messages.is_terminal:
            # Not through Rich: a thread that draws the bar may hold its lock.
            os.write(self._messages.file.fileno(), b"\x1b[?25h")


class _Screen(rich.console.Console):
    def on_broken_pipe(self) -> None:
        # Rich would end the program with exit code 1; `main` has its own answer.
        raise BrokenPipeError


def _screen(stream: TextIO) -> _Screen:
    screen = _Screen(file=stream, highlight=False, markup=False, emoji=False)
    if not screen.is_terminal and "COLUMNS" not in os.environ:
        screen.width = _WIDTH_OF_A_PIPE
    return screen


def safe(text: str) -> str:
    """Return `text` fit for a terminal: its own line breaks kept, other controls escaped."""
    return "\n".join(printable(line) for line in text.split("\n"))

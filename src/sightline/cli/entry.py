"""`main`: run one command, and translate however it ended into words and an exit code.

The only place where errors, signals and a closed pipe are turned into what a shell sees.
"""

from __future__ import annotations

import gc
import io
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Annotated

import typer
from typer.core import TyperGroup

from sightline import __version__
from sightline.cli.failures import Terminated, report_failure
from sightline.cli.logs import stop_logging
from sightline.cli.quiet import quiet_third_parties
from sightline.cli.verbs import VerbGroup

_PIPE_CLOSED = 128 + signal.SIGPIPE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: The words after the program's name; those of the process by default.

    Returns:
        0 done, 1 unexpected, 2 usage or configuration, 3 data or a failed check, 4 model,
        5 environment or disk, 130 and 143 for signals, 141 when the reader of a pipe left.
    """
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    quiet_third_parties()
    try:
        with _termination_raises():
            _run(words)
        return 0
    except SystemExit:  # shell completion ends so
        raise
    except BrokenPipeError:
        _abandon_output()
        return _PIPE_CLOSED
    except BaseException as error:
        own = words[: words.index("--")] if "--" in words else words
        verbose = any(re.fullmatch(r"-v+|--verbose", word) for word in own)
        return report_failure(error, as_json="--json" in own, verbose=verbose)
    finally:
        stop_logging()
        if arguments is None:
            # The process ends now. Without this Python first looks through all that TensorFlow
            # made for what could be freed, for a second.
            gc.freeze()


def _run(words: list[str]) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    if root().main(words, prog_name="sightline", standalone_mode=False) == 130:
        raise KeyboardInterrupt  # typer returns Ctrl-C as a number
    sys.stdout.flush()


def _abandon_output() -> None:
    # What is still buffered would raise once more while Python shuts down.
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def root() -> TyperGroup:
    """Return the whole command line as one command group."""
    app = typer.Typer(cls=VerbGroup, rich_markup_mode="rich")
    settings = {"help_option_names": ["-h", "--help"]}
    app.callback(cls=VerbGroup, context_settings=settings)(_program)
    return typer.main.get_group(app)


def _print_version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"sightline {__version__}\n")
        raise typer.Exit


def _program(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """From folders of labelled images to a classifier you can trust."""


@contextmanager
def _termination_raises() -> Iterator[None]:
    """Let a request to end unwind the program, so that temporary files are removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated

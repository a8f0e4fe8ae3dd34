"""However a command failed, as three parts for a person, one object for a program, one code.

A person reads what happened, what was expected and what to do; `-v` adds the traceback. With
`--json` the last line of standard error is one JSON object (`reporting/schemas/error.json`).
"""

from __future__ import annotations

import errno
import logging
import os
import shlex
import signal
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from sightline import __version__
from sightline.cli.console import Console
from sightline.cli.logs import FAILURES, log_file
from sightline.cli.verbs import common_parameters
from sightline.errors import (
    ConfigError,
    Interrupted,
    MachineError,
    SightlineError,
    did_you_mean,
    exit_code_of,
)
from sightline.files import (
    cache_directory,
    canonical_json,
    missing_package,
    printable,
    write_error,
    write_text,
)


class Terminated(BaseException):
    """The process was asked to end. Not an `Exception`: nothing on the way may swallow it."""


def report_failure(error: BaseException, *, as_json: bool, verbose: bool) -> int:
    """Tell the user of `error` on standard error and return the exit code.

    Args:
        error: Whatever ended the command.
        as_json: Whether the command was asked for JSON.
        verbose: Whether the command was asked to say more.
    """
    told = translate(error)
    if log_file():
        logging.getLogger(FAILURES).error("%s", told.what, exc_info=error)
    if verbose and not isinstance(error, typer.TyperException):
        sys.stderr.write("".join(traceback.format_exception(error)))
    if as_json:
        sys.stderr.write(canonical_json(error_document(told)) + "\n")
    else:
        Console(as_json=False).failure(told)
    return exit_code_of(told)


def error_document(error: SightlineError) -> dict[str, Any]:
    """Return what `--json` prints of an error."""
    return {
        "schema": "error",
        "schema_version": "1.0",
        "code": error.code,
        "what": error.what,
        "expected": error.expected,
        "fix": error.fix,
        "exit_code": exit_code_of(error),
        "details": error.details,
    }


def translate(error: BaseException) -> SightlineError:
    """Return the error of our own family that says what `error` means to a user."""
    if isinstance(error, SightlineError):
        return error
    if isinstance(error, typer.TyperException):
        return _usage(error)
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        return Interrupted("Stopped by Ctrl-C.", signal_number=signal.SIGINT)
    if isinstance(error, Terminated):
        return Interrupted("Stopped by a request to end.", signal_number=signal.SIGTERM)
    if isinstance(error, MemoryError):
        return MachineError(
            "The memory of this machine is not enough.",
            fix="use smaller images or batches, or close other programs",
            code="out_of_memory",
        )
    if isinstance(error, ImportError):
        return missing_package(error, purpose="run this command") or _unexpected(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return write_error(Path(error.filename or "the output"), error)
    return _unexpected(error)


def _usage(error: typer.TyperException) -> ConfigError:
    # The parser's own classes are private to it: what they carry is asked for by name.
    context: Any = getattr(error, "ctx", None)
    path = context.command_path if context else "sightline"
    option: str | None = getattr(error, "option_name", None)
    known = _options(context.command.get_params(context)) if context else []
    what, fix = error.format_message(), f"{path} --help"
    if option is not None and option not in known:
        what = f"No such option {option!r}.{did_you_mean(option, known)}"
        if option in _options(common_parameters()):
            what = f"The option {option} stands before the command."
            fix = f"sightline COMMAND {option}"
    return ConfigError(what, fix=fix, code="usage")


def _options(parameters: list[Any]) -> list[str]:
    return [name for parameter in parameters for name in parameter.opts]


def _unexpected(error: BaseException) -> SightlineError:
    log = log_file() or _write_crash_log(error)
    return SightlineError(
        f"Unexpected {type(error).__name__}: {error}",
        fix=f"this is a fault in Sightline; report it with {printable(log)}"
        if log
        else "this is a fault in Sightline; run it again with -v and report what it prints",
        details={"log": os.fspath(log)} if log else {},
    )


def _write_crash_log(error: BaseException) -> Path | None:
    """Write the traceback where the user can find it; one file, so that crashes do not pile up."""
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    head = f"{moment} sightline {__version__}, Python {sys.version}\n{shlex.join(sys.argv)}\n"
    try:
        path = cache_directory() / "last-crash.log"
        write_text(path, head + "".join(traceback.format_exception(error)))
    except (OSError, MachineError):
        return None
    return path

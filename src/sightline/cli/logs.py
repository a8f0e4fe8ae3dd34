"""Where log records go: warnings to standard error, more with `-v`, everything to `--log-file`.

Names of files come from strangers: control characters in a record are escaped, so that no
file name can forge a line or drive the terminal.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

from sightline.files import printable, write_error

# Failures are told to the user apart; their records, with the traceback, are for the file only.
FAILURES = "sightline.cli.failures"

_STDERR_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


class EscapingFormatter(logging.Formatter):
    """Formats a record as one line without control characters; a traceback follows it."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the record's line, escaped."""
        record.message = printable(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        """Return the traceback, each line escaped."""
        return "\n".join(printable(line) for line in super().formatException(ei).splitlines())


def start_logging(*, verbose: int = 0, file: Path | None = None) -> None:
    """Send the program's log records where the options say, in place of where they went before.

    Args:
        verbose: How often `-v` was given: 0 warnings, 1 progress of the work, 2 everything.
        file: A file to append everything to.

    Raises:
        MachineError: `file` cannot be written.
    """
    stop_logging()
    ours = logging.getLogger("sightline")
    every = logging.getLogger()
    ours.setLevel(logging.DEBUG)
    screen = logging.StreamHandler(sys.stderr)
    screen.setLevel(_STDERR_LEVELS[min(verbose, 2)])
    screen.addFilter(lambda record: record.name != FAILURES)
    # Records of other packages are on the screen only when everything was asked for.
    _add(screen, every if verbose > 1 else ours, "%(levelname)s: %(message)s")
    # Without a handler, Python would print the warnings of other packages itself.
    store = logging.NullHandler() if file is None else _open(file)
    _add(store, every, "%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.captureWarnings(True)


def stop_logging() -> None:
    """Take away what `start_logging` added."""
    for logger in (logging.getLogger("sightline"), logging.getLogger()):
        for handler in list(logger.handlers):
            if _is_ours(handler):
                logger.removeHandler(handler)
                handler.close()
    logging.captureWarnings(False)


def log_file() -> Path | None:
    """Return the file that `--log-file` named, if any."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.FileHandler) and _is_ours(handler):
            return Path(handler.baseFilename)
    return None


def _add(handler: logging.Handler, logger: logging.Logger, layout: str) -> None:
    handler.setFormatter(EscapingFormatter(layout))
    logger.addHandler(handler)


def _is_ours(handler: logging.Handler) -> bool:
    return isinstance(handler.formatter, EscapingFormatter)


def _open(file: Path) -> logging.FileHandler:
    try:
        return logging.FileHandler(file, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise write_error(file, error) from error

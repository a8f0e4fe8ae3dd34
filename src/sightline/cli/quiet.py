"""What native libraries print to standard error while they start, kept from the user.

TensorFlow and LiteRT write from C++, past Python's logging, and no setting of theirs silences
the first lines. Only lines that are known to say nothing are kept back, and `-vv` or
`--log-file` shows them; every other line is passed on.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_NOISE = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog"
    rb"|I\d{4} \d\d:\d\d:\d\d"
    rb"|INFO: (Created|Initialized) TensorFlow Lite"
    rb"|fully_quantize: "
    rb"|\d{4}-\d\d-\d\d [\d:.]+: I "
)

_log = logging.getLogger(__name__)


def quiet_third_parties() -> None:
    """Ask TensorFlow for errors only, before it is imported; a caller's own wish stands."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@contextmanager
def without_start_messages() -> Iterator[None]:
    """Keep known chatter from standard error while a library is imported or a runtime opened.

    Everything that the process writes to standard error is held until the block ends.
    """
    sys.stderr.flush()
    screen = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(screen, 2)
            os.close(screen)
            held.seek(0)
            for line in held:
                if _NOISE.match(line):
                    _log.debug("%s", line.decode(errors="backslashreplace").rstrip())
                else:
                    os.write(2, line)

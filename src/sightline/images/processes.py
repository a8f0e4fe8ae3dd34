"""Other Python processes that take a share of the work on many small images.

`multiprocessing` is not used for them: its "spawn" runs the user's script again in every
worker, and its "fork" is unsafe beside TensorFlow's threads. A helper is a plain child process
that gets pickled work and gives pickled answers. It keeps nothing, so one that cannot start,
dies or does not understand costs time and nothing else: who asked does the work.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from threading import Lock
from typing import Any

_SECONDS_TO_END = 5.0
_CODE = """
import sys
from multiprocessing.connection import Connection
connection = Connection(int(sys.argv[1]))
sys.path[:] = connection.recv()
from sightline.images.processes import serve
serve(connection)
"""


@dataclass(frozen=True)
class Answer:
    """What a helper says.

    Attributes:
        result: Of the work.
        error: What the work raised.
        seconds: Of processor time that it took.
        understood: Whether it was done at all.
    """

    result: Any = None
    error: Exception | None = None
    seconds: float = 0.0
    understood: bool = True


class Helper:
    """One other process; it ends with `close` or with this one. Safe in threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._connection, theirs = Pipe()
        self._process: subprocess.Popen[bytes] | None = None
        with theirs:
            if not sys.executable or getattr(sys, "frozen", False):
                return  # there is no Python to start, but the user's whole program
            try:
                self._process = _start(theirs.fileno())
                self._connection.send([str(place) for place in sys.path])
            except OSError:
                self._end()

    def do(self, work: Callable[[Any], Any], part: Any) -> Answer:
        """Return what `work(part)` gives; done here where the helper cannot."""
        answer = self._ask(work, part)
        return answer if answer.understood else _answer(work, part)

    def close(self) -> None:
        """End the process, when it has answered what it was asked."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        self._connection.close()
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _ask(self, work: Callable[[Any], Any], part: Any) -> Answer:
        try:
            question = pickle.dumps((work, part))
        except Exception:  # a source of the user's own may hold a lock or an open file
            return _NOT_UNDERSTOOD
        with self._lock:
            if self._process is None:
                return _NOT_UNDERSTOOD
            try:
                self._connection.send_bytes(question)
                answer: Answer = self._connection.recv()
                return answer
            except Exception:  # the process has died, or what it says cannot be read
                self._end()
                return _NOT_UNDERSTOOD


def _start(connection: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        # Isolated: nothing in the current folder or the environment may pass for the standard
        # library. The path of imports is sent.
        [sys.executable, "-I", "-c", _CODE, str(connection)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[connection],
        process_group=0,  # Ctrl-C is for the process that knows what to save
    )


_NOT_UNDERSTOOD = Answer(understood=False)


def serve(connection: Connection) -> None:
    """Answer what is asked until the other side is gone; the life of a helper."""
    while True:
        try:
            question = connection.recv_bytes()
        except EOFError:
            return
        try:
            work, part = pickle.loads(question)
        except Exception:  # a class that stands in the user's script is not known here
            connection.send(_NOT_UNDERSTOOD)
        else:
            connection.send(_answer(work, part))


def _answer(work: Callable[[Any], Any], part: Any) -> Answer:
    began = time.thread_time()
    try:
        return Answer(result=work(part), seconds=time.thread_time() - began)
    except Exception as error:
        return Answer(error=error)

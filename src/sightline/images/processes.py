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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

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
class _Answer:
    result: Any = None
    error: Exception | None = None
    understood: bool = True


class Helper:
    """One other process, asked by one thread at a time. It ends with `close` or with this one."""

    def __init__(self) -> None:
        self._connection, theirs = Pipe()
        self._process: subprocess.Popen[bytes] | None = None
        with theirs:
            if getattr(sys, "frozen", False):
                return  # the executable is the user's whole program, not Python
            try:
                self._process = _start(theirs.fileno())
                self._connection.send(sys.path)
            except OSError:
                self.close()

    def do(self, work: Callable[[Sequence[Item]], Result], part: Sequence[Item]) -> Result:
        """Return `work(part)`, or raise what it raises; done here where the helper cannot."""
        answer = self._ask(work, part)
        if not answer.understood:
            return work(part)
        if answer.error is not None:
            raise answer.error
        result: Result = answer.result
        return result

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _ask(self, work: Callable[..., Any], part: Sequence[Any]) -> _Answer:
        if self._process is None:
            return _NOT_UNDERSTOOD
        try:
            question = pickle.dumps((work, part))
        except Exception:  # a source of the user's own may hold a lock or an open file
            return _NOT_UNDERSTOOD
        try:
            self._connection.send_bytes(question)
            answer: _Answer = self._connection.recv()
            return answer
        except Exception:  # the process has died, or what it says cannot be read
            self.close()
            return _NOT_UNDERSTOOD


def _start(connection: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", _CODE, str(connection)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[connection],
        process_group=0,  # Ctrl-C is for the process that knows what to save
    )


_NOT_UNDERSTOOD = _Answer(understood=False)


def serve(connection: Connection) -> None:
    """Answer what is asked until the other side is gone; the life of a helper."""
    while True:
        try:
            question = connection.recv_bytes()
        except EOFError:
            return
        connection.send(_answer(question))


def _answer(question: bytes) -> _Answer:
    try:
        work, part = pickle.loads(question)
    except Exception:  # a class that stands in the user's script is not known here
        return _NOT_UNDERSTOOD
    try:
        return _Answer(result=work(part))
    except Exception as error:
        return _Answer(error=error)

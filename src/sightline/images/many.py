"""Work on many images, a part at a time: in threads, in other processes, or in the caller's.

Decoding a photo frees the interpreter's lock. With small pictures threads lose more by handing
that lock over than they win: two threads need 1.4 times as long as one for files of 32 x 32
pixels, and 0.6 times as long for photos (measured on two cores). Thousands of small pictures
are therefore shared out to other processes.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from queue import SimpleQueue
from threading import Lock
from typing import TypeVar

from sightline import machine
from sightline.images.processes import Helper

Item = TypeVar("Item")
Result = TypeVar("Result")

_ALONE_SECONDS = 250e-6
"""Of processor time for an image; what takes longer is worth a thread."""
_HELPED_SECONDS = 1e-3
"""Of processor time for one of many images; what takes longer suits threads as well."""
_ALONE = 32
_IN_THREADS = 4
"""Items in a part: few in threads, so that Ctrl-C does not wait for many large images."""
_PROOF = 4
"""Slow parts in succession: the first images pay for what is set up once, and others disturb."""
_AHEAD = 2
_IN_HELPERS = 64
"""Items in a part that goes to another process."""
_WORTH_HELP = 5_000
"""Quick items that take longer than a process takes to start."""
_TRIAL = 8 * _ALONE
"""Quick items after which the others are taken for quick too."""


class Workers:
    """Threads, used as soon as images prove slow enough; processes for many quick ones.

    Close it when the work is done: processes stay until then.

    Args:
        count: How many; the number of cores by default.
        expected: Items that all calls of `in_parts` together will have, where that is known.
    """

    def __init__(self, count: int | None = None, *, expected: int = 0) -> None:
        self._count = count or machine.threads()
        self._expected = expected
        self._done = 0
        self._slow = 0
        self._lock = Lock()
        self._helpers: list[Helper] = []
        self._free: SimpleQueue[Helper] = SimpleQueue()
        self._is_closed = False

    def close(self) -> None:
        """End the processes. What is given to `in_parts` from now on is done without them."""
        with self._lock:
            self._is_closed = True
            for helper in self._helpers:
                helper.close()
            self._helpers = []

    def in_parts(
        self, work: Callable[[Sequence[Item]], Result], items: Sequence[Item]
    ) -> Generator[Result, None, None]:
        """Yield `work(part)` for the consecutive parts of `items`, in order.

        On an error, an early close or Ctrl-C, parts that have not begun are dropped and those
        that have are waited for.

        Args:
            work: Safe to call from several threads at once. It depends on nothing but its part,
                so that it can be sent to another process; where it cannot be pickled, it stays.
            items: Images, or what stands for them.
        """
        at = 0
        self._expected = max(self._expected, self._done + len(items))
        while at < len(items) and self._slow < _PROOF:
            is_many = self._is_many()
            if is_many and self._done >= _TRIAL:
                self._done += len(items) - at
                yield from self._in_threads(self._by_helper(work), _cut(items, at, _IN_HELPERS))
                return
            part = items[at : at + (_IN_THREADS if self._slow or not at else _ALONE)]
            began = time.thread_time()
            result = work(part)
            most = _HELPED_SECONDS if is_many else _ALONE_SECONDS
            slow = time.thread_time() - began > most * len(part)
            self._slow = self._slow + 1 if slow else 0
            self._done += len(part)
            at += len(part)
            yield result
        yield from self._in_threads(work, _cut(items, at, _IN_THREADS))

    def _is_many(self) -> bool:
        if self._is_closed or self._count == 1:
            return False
        return bool(self._helpers) or self._expected - self._done >= _WORTH_HELP

    def _by_helper(
        self, work: Callable[[Sequence[Item]], Result]
    ) -> Callable[[Sequence[Item]], Result]:
        with self._lock:
            for _ in range(self._count - len(self._helpers)):
                self._helpers.append(Helper())
                self._free.put(self._helpers[-1])

        def do(part: Sequence[Item]) -> Result:
            helper = self._free.get()
            try:
                return helper.do(work, part)
            finally:
                self._free.put(helper)

        return do

    def _in_threads(
        self, work: Callable[[Sequence[Item]], Result], parts: Iterator[Sequence[Item]]
    ) -> Iterator[Result]:
        first = list(islice(parts, _AHEAD * self._count))
        if not first:
            return
        with ThreadPoolExecutor(self._count, thread_name_prefix="sightline-images") as pool:
            waiting: deque[Future[Result]] = deque(pool.submit(work, part) for part in first)
            try:
                while waiting:
                    result = waiting.popleft().result()
                    waiting.extend(pool.submit(work, part) for part in islice(parts, 1))
                    yield result
            finally:
                for future in waiting:
                    future.cancel()


def _cut(items: Sequence[Item], start: int, size: int) -> Iterator[Sequence[Item]]:
    return (items[at : at + size] for at in range(start, len(items), size))

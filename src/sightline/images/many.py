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
"""Of processor time for an image; what takes longer suits threads as well."""
_WORTH_HELP = 1.0
"""Seconds that processes must save: starting one takes about a third of that."""
_ALONE = 32
_IN_THREADS = 4
"""Items in a part: few in threads, so that Ctrl-C does not wait for many large images."""
_IN_HELPERS = 32
"""Items in a part that goes to another process, as long as they are quick."""
_PROOF = 4
"""Slow parts in succession: the first images pay for what is set up once, and others disturb."""
_TRIAL = 8 * _ALONE
"""Quick items after which the others are taken for quick too."""
_AHEAD = 2


class Workers:
    """Threads, used as soon as images prove slow enough; processes for many quick ones.

    Processes stay until `close`.

    Args:
        count: How many; the number of cores by default.
        processes: Whether there may be any: not for what is larger than the work on it.
    """

    def __init__(self, count: int | None = None, *, processes: bool = True) -> None:
        self._count = count or machine.threads()
        self._may_help = processes and self._count > 1
        self._expected = 0
        self._done = 0
        self._seconds = 0.0
        self._slow = 0
        self._lock = Lock()
        self._helpers: list[Helper] = []
        self._free: SimpleQueue[Helper] = SimpleQueue()

    def expect(self, count: int) -> None:
        """Be told how many items the next calls of `in_parts` will have together."""
        self._expected = self._done + count

    def close(self) -> None:
        """End the processes. What is given to `in_parts` from now on is done without them."""
        with self._lock:
            self._may_help = False
            helpers, self._helpers = self._helpers, []
        for helper in helpers:
            helper.close()

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
            if self._done >= _TRIAL and self._is_worth_help(self._seconds / self._done):
                self._done += len(items) - at
                yield from self._in_threads(self._by_helper(work), self._cut(items, at))
                return
            part = items[at : at + (_IN_THREADS if self._slow or not at else _ALONE)]
            began = time.thread_time()
            result = work(part)
            seconds = time.thread_time() - began
            each = seconds / len(part)
            self._judge(each, _HELPED_SECONDS if self._is_worth_help(each) else _ALONE_SECONDS)
            self._seconds += seconds
            self._done += len(part)
            at += len(part)
            yield result
        yield from self._in_threads(work, self._cut(items, at))

    def _judge(self, seconds: float, most: float) -> None:
        """Note how long an item of a part took, and whether that is slow."""
        self._slow = self._slow + 1 if seconds > most else 0

    def _is_worth_help(self, seconds: float) -> bool:
        """Return whether processes save enough, where an item takes so long."""
        left = self._expected - self._done
        saved = seconds * left * (1 - 1 / self._count)
        return self._may_help and (bool(self._helpers) or saved > _WORTH_HELP)

    def _by_helper(
        self, work: Callable[[Sequence[Item]], Result]
    ) -> Callable[[Sequence[Item]], Result]:
        with self._lock:
            while self._may_help and len(self._helpers) < self._count:
                self._helpers.append(Helper())
                self._free.put(self._helpers[-1])
            if not self._helpers:
                return work

        def do(part: Sequence[Item]) -> Result:
            helper = self._free.get()
            try:
                answer = helper.do(work, part)
            finally:
                self._free.put(helper)
            if answer.error is not None:
                raise answer.error
            self._judge(answer.seconds / len(part), _HELPED_SECONDS)
            result: Result = answer.result
            return result

        return do

    def _cut(self, items: Sequence[Item], start: int) -> Iterator[Sequence[Item]]:
        at = start
        while at < len(items):
            size = _IN_HELPERS if self._helpers and self._slow < _PROOF else _IN_THREADS
            yield items[at : at + size]
            at += size

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

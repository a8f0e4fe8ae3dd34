"""Other processes that take a share of the work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from sightline.batches.kinds import decoder
from sightline.dataset import ContentIndex
from sightline.dataset.content import read_contents
from sightline.errors import ImageError
from sightline.images import Preprocessing, many
from sightline.images.many import Workers
from sightline.images.processes import Helper
from sightline.images.sources import BytesSource, FileSource, as_source

_TRIED = many._TRIAL + many._IN_THREADS
"""What is worked on here before helpers are asked: whole parts."""


def _process(helper: Helper) -> int:
    """Return the number of the process that does the work."""
    return int(helper.do(os.readlink, "/proc/self").result)


def _own(part: object) -> int:
    return os.getpid()


def _is_alive(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def test_a_helper_is_one_other_process_until_it_is_closed() -> None:
    with closing(Helper()) as helper:
        process = _process(helper)
        assert process != os.getpid()
        assert _process(helper) == process
    assert not _is_alive(process)


def test_errors_of_the_work_come_through(tmp_path: Path) -> None:
    with closing(Helper()) as helper:
        assert isinstance(helper.do(os.stat, tmp_path / "nothing").error, FileNotFoundError)


class _OnlyHere:
    """As what a user's script defines: a helper does not run the script."""


@pytest.mark.parametrize(
    ("work", "part"),
    [(_own, [_OnlyHere()]), (lambda part: os.getpid(), [1]), (_own, [threading.Lock()])],
    ids=["not known there", "not picklable", "part not picklable"],
)
def test_what_a_helper_cannot_be_given_is_done_here(
    monkeypatch: pytest.MonkeyPatch, work, part
) -> None:
    script = ModuleType("only_here")
    script._OnlyHere = _OnlyHere
    monkeypatch.setitem(sys.modules, "only_here", script)
    monkeypatch.setattr(_OnlyHere, "__module__", "only_here")
    with closing(Helper()) as helper:
        assert helper.do(work, part).result == os.getpid()
        assert _process(helper) != os.getpid(), "it goes on with what it can be given"


def test_a_killed_helper_costs_time_only() -> None:
    with closing(Helper()) as helper:
        os.kill(_process(helper), signal.SIGKILL)
        assert _process(helper) == os.getpid()
        assert _process(helper) == os.getpid()


@pytest.mark.parametrize(
    ("name", "value"), [("executable", "/nowhere/python"), ("executable", None), ("frozen", True)]
)
def test_a_helper_that_cannot_start_costs_time_only(
    monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    monkeypatch.setattr(sys, name, value, raising=False)
    with closing(Helper()) as helper:
        assert _process(helper) == os.getpid()


def test_a_helper_ends_with_the_process_that_asked() -> None:
    code = """
        import os, signal
        from sightline.images.processes import Helper
        print(Helper().do(os.readlink, "/proc/self").result, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    killed = subprocess.run(command, capture_output=True, text=True, check=False)
    process = int(killed.stdout)
    until = time.monotonic() + 10
    while _is_alive(process) and time.monotonic() < until:
        time.sleep(0.01)
    assert not _is_alive(process)


@pytest.fixture
def small_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[FileSource]:
    """Enough small pictures to be shared out, the last of them broken."""
    monkeypatch.setattr(many, "_WORTH_HELP", 0)
    monkeypatch.setattr(many, "_HELPED_SECONDS", 1.0)
    random = np.random.default_rng(0)
    for number in range(400):
        pixels = random.integers(0, 256, (32, 32, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number:03d}.png")
    (tmp_path / "399.png").write_bytes(b"broken")
    return [FileSource(path, path.name) for path in sorted(tmp_path.iterdir())]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images helpers were asked for, part by part."""
    asked: list[int] = []
    ask = Helper._ask

    def noting(self, work, part):
        answer = ask(self, work, part)
        assert answer.understood
        asked.append(len(part))
        return answer

    monkeypatch.setattr(Helper, "_ask", noting)
    return asked


def test_contents_are_the_same_with_help(small_files: list[FileSource], asked: list[int]) -> None:
    alone = ContentIndex(None).contents(small_files, workers=1)
    assert not asked
    assert ContentIndex(None).contents(small_files, workers=2) == alone
    assert sum(asked) == 400 - _TRIED
    assert [content.ok for content in alone] == [True] * 399 + [False]


def test_pixels_are_the_same_with_help(small_files: list[FileSource], asked: list[int]) -> None:
    preprocessing = Preprocessing(height=24, width=24, channels=3)
    some = np.arange(398, -1, -1)
    alone = decoder(small_files, preprocessing, Workers(1))(some)
    with closing(Workers(2)) as workers:
        helped = decoder(small_files, preprocessing, workers)
        np.testing.assert_array_equal(helped(some), alone)
        assert sum(asked) == 399 - _TRIED
        with pytest.raises(ImageError, match="399.png"):
            helped(np.arange(400))
    asked.clear()
    np.testing.assert_array_equal(helped(some), alone)
    assert not asked, "closed"


def test_helpers_are_kept_over_many_short_calls(
    monkeypatch: pytest.MonkeyPatch, asked: list[int]
) -> None:
    monkeypatch.setattr(many, "_WORTH_HELP", 0)
    with closing(Workers(2)) as workers:
        workers.expect(6000)
        parts = [list(workers.in_parts(sorted, range(n, n + 500))) for n in range(0, 6000, 500)]
        processes = {_process(helper) for helper in workers._helpers}
    assert [item for call in parts for part in call for item in part] == list(range(6000))
    assert len(processes) == 2 and not any(map(_is_alive, processes))
    assert sum(asked) >= 5500


@pytest.mark.parametrize(("count", "processes"), [(1, True), (2, False)])
def test_there_may_be_none(monkeypatch: pytest.MonkeyPatch, asked: list[int], count, processes):
    monkeypatch.setattr(many, "_WORTH_HELP", 0)
    with closing(Workers(count, processes=processes)) as workers:
        list(workers.in_parts(sorted, range(2000)))
    assert not asked


def test_little_work_is_done_here(asked: list[int]) -> None:
    with closing(Workers(2)) as workers:
        list(workers.in_parts(sorted, range(20_000)))
    assert not asked


def test_what_turns_slow_in_a_helper_comes_in_small_parts(
    monkeypatch: pytest.MonkeyPatch, asked: list[int]
) -> None:
    """So that Ctrl-C does not wait for many large images after small ones."""
    monkeypatch.setattr(many, "_WORTH_HELP", 0)
    ask = Helper._ask
    monkeypatch.setattr(
        Helper, "_ask", lambda self, work, part: replace(ask(self, work, part), seconds=1.0)
    )
    with closing(Workers(2)) as workers:
        list(workers.in_parts(sorted, range(1000)))
    assert asked[0] == many._IN_HELPERS
    assert asked[20:] and set(asked[20:-1]) == {many._IN_THREADS}


def test_closing_while_work_is_under_way_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "_WORTH_HELP", 0)
    workers = Workers(2)
    parts = workers.in_parts(sorted, range(2000))
    found = [next(parts) for _ in range(14)]
    assert workers._helpers
    workers.close()
    found += parts
    assert [item for part in found for item in part] == list(range(2000))


def test_bytes_and_arrays_can_be_sent() -> None:
    pixels = np.zeros((40, 40, 3), np.uint8)
    sources = [as_source(pixels), BytesSource(b"broken", "bytes")]
    with closing(Helper()) as helper:
        assert helper._ask(read_contents, sources).result == read_contents(sources)


def test_what_lies_in_the_current_folder_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("multiprocessing", "socket", "pickle", "sightline"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    with closing(Helper()) as helper:
        assert _process(helper) != os.getpid()
    assert not (tmp_path / "ran").exists()

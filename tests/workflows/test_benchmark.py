"""What rounds of timing say, what is recommended, and that no process is left over."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline.errors import ImageError, MachineError, ModelError
from sightline.evaluation import compare
from sightline.images import Preprocessing
from sightline.models.rules import Rules
from sightline.predictions import Predictions
from sightline.workflows import rounds
from sightline.workflows.artefacts import Artefact
from sightline.workflows.benchmark import Advice, _reserve, advise, within_point
from sightline.workflows.measuring import peak_bytes
from sightline.workflows.rounds import Job, Rounds, Speed, turns


def test_each_comes_first_in_turn() -> None:
    assert [turns(3, number) for number in range(4)] == [(0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 1, 2)]


def test_figures_are_medians_over_rounds() -> None:
    # The third round was disturbed: nothing of it is seen.
    one = [[1_000_000] * 20, [2_000_000] * 20, [90_000_000] * 20]
    eight = [[4_000_000, 4_000_000], [8_000_000], [900_000_000]]
    speed = Speed.of(2, {1: one, 8: eight})
    assert (speed.p50, speed.p95, speed.runs) == (2.0, 2.0, 60)
    assert speed.throughput == {8: 1000.0}


def test_p95_is_of_each_round() -> None:
    speed = Speed.of(1, {1: [[number * 1_000_000 for number in range(1, 102)]]})
    assert (speed.p50, speed.p95) == (51.0, 96.0)


def predictions(right: int, n: int) -> Predictions:
    column = np.array([1.0] * right + [0.0] * (n - right), np.float32)
    return Predictions(
        task="multi_class",
        classes=("a", "b"),
        names=tuple(map(str, range(n))),
        probabilities=np.stack([column, 1 - column], axis=1),
    )


@pytest.mark.parametrize(
    ("before", "after", "n", "within"),
    [
        (90, 90, 100, "not_shown"),  # the same answers, but too few
        (900, 900, 1000, "yes"),
        (900, 890, 1000, "not_shown"),  # a point less, as far as can be seen
        (900, 850, 1000, "no"),
        (850, 900, 1000, "yes"),
    ],
)
def test_the_interval_says_what_is_within_a_point(
    before: int, after: int, n: int, within: str
) -> None:
    found = compare(predictions(before, n), predictions(after, n), [("a",)] * n)
    assert within_point(found) == within


def test_only_what_is_shown_is_recommended() -> None:
    costs = {"first": 4.0, "shown": 3.0, "maybe": 2.0, "slow": 9.0, "worse": 1.0, "maybe2": 1.5}
    within = {
        **dict.fromkeys(costs, "not_shown"),
        "shown": "yes",
        "worse": "no",
    }
    assert advise(costs, within) == Advice(name="shown", unproven=("maybe2", "maybe"))
    assert advise({"first": 1.0, "shown": 3.0}, within) == Advice(name="first")


def test_a_model_that_cannot_be_run_is_an_error_and_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "pixels.npy", np.zeros((1, 2, 2, 3), np.uint8))
    job = Job(path=tmp_path / "none.sightline", pixels=tmp_path / "pixels.npy")
    children: list[subprocess.Popen[str]] = []
    started = subprocess.Popen.__init__

    def noted(self: subprocess.Popen[str], *words: Any, **options: Any) -> None:
        started(self, *words, **options)
        children.append(self)

    monkeypatch.setattr(subprocess.Popen, "__init__", noted)
    one = Rounds([job], threads=(1,), seconds=0.1)
    assert one.measure() == {}
    assert children and all(child.poll() is not None for child in children)
    assert one.errors[0].exit_code == 4 and "none.sightline" in one.errors[0].what


def test_a_process_that_dies_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "_CODE", "import os; os.write(1, b'{}\\n'); os.abort()")
    child = rounds.Child(Job(path=Path("a.model"), pixels=Path("b")), 1)
    with pytest.raises(ModelError, match=f"a.model ended with {-signal.SIGABRT}"):
        child.ask({"do": "say"})
    child.close()


def test_the_memory_of_a_process_that_it_starts_counts_too() -> None:
    before = peak_bytes()
    code = "x = bytearray(200_000_000); print(1, flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as child:
        assert child.stdout is not None and child.stdout.readline() == b"1\n"
        assert peak_bytes() - before > 200_000_000
        child.kill()


def test_a_full_disk_is_told_before_pages_of_it_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def full(descriptor: int, start: int, length: int) -> None:
        asked.append(length)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    (tmp_path / "pixels.npy").write_bytes(b"12345")
    with pytest.raises(MachineError, match="No room on the disk"):
        _reserve(tmp_path / "pixels.npy")
    assert asked == [5]


def test_a_row_that_cannot_be_decoded_is_in_no_figure() -> None:
    answered, black = predictions(90, 100), {3: ImageError("cut off")}
    artefact = Artefact(
        name="a",
        path=Path("a"),
        size=1,
        classes=answered.classes,
        task=answered.task,
        rules=Rules(),
        preprocessing=Preprocessing(height=2, width=2, channels=3),
        source="",
    )
    own = artefact.predictions(answered.names, answered.probabilities, black)
    assert own.ok.sum() == 99 and not own.ok[3]
    assert compare(own, own, [("a",)] * 100).failed == 1


CODE = """
import os, signal, subprocess, sys, json
from sightline.workflows import rounds
code = "import json, sys; sys.path[:] = json.loads(sys.argv[1])\\n"
code += "import sightline.workflows.measuring as m\\n"
code += "class Fake:\\n    def __init__(self, *_, **__): pass\\n"
code += "m._Served = Fake\\nm.serve(*sys.argv[2:])"
rounds._CODE = code
from pathlib import Path
child = rounds.Child(rounds.Job(path=Path('a'), pixels=Path('b')), 1)
print(child._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_child_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert parent.returncode == -signal.SIGKILL, parent.stderr
    child = Path(f"/proc/{int(parent.stdout)}/stat")
    until = time.monotonic() + 20
    while child.exists() and child.read_text().rsplit(")", 1)[1].split()[0] != "Z":
        assert time.monotonic() < until, f"{child} is still there"
        time.sleep(0.05)

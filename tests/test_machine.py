from __future__ import annotations

import os

import pytest

from sightline import machine
from sightline.machine import Memory

MEMINFO = "MemTotal:  16777216 kB\nMemFree:  1 kB\nMemAvailable:  12582912 kB\n"


def system(monkeypatch: pytest.MonkeyPatch, **files: str) -> None:
    paths = {
        "meminfo": "/proc/meminfo",
        "limit": "/sys/fs/cgroup/memory.max",
        "used": "/sys/fs/cgroup/memory.current",
        "cpu": "/sys/fs/cgroup/cpu.max",
    }
    said = {paths[name]: text for name, text in files.items()}
    monkeypatch.setattr(machine, "read_system", lambda path: said.get(path, ""))


def test_memory_of_the_whole_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    system(monkeypatch, meminfo=MEMINFO, limit="max\n")
    assert machine.memory() == Memory(total=16 << 30, available=12 << 30)


def test_memory_of_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    system(monkeypatch, meminfo=MEMINFO, limit="2147483648\n", used="1073741824\n")
    assert machine.memory() == Memory(total=2 << 30, available=1 << 30)


def test_memory_where_the_system_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    system(monkeypatch)
    assert machine.memory() is None


@pytest.mark.parametrize(("quota", "cores"), [("50000 100000\n", 0.5), ("max 100000\n", None)])
def test_cores_of_a_container(
    monkeypatch: pytest.MonkeyPatch, quota: str, cores: float | None
) -> None:
    system(monkeypatch, cpu=quota)
    assert machine.cores() == (cores or len(os.sched_getaffinity(0)))
    assert machine.threads() >= 1


def test_a_file_that_is_not_there_says_nothing() -> None:
    assert machine.read_system("/proc/no-such-file") == ""

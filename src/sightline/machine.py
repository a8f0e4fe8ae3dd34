"""What this process may use of the machine: cores and memory, a container's limits heeded."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes of memory.

    Attributes:
        total: That there are; a container's limit where it is lower.
        available: That can be had without swapping.
    """

    total: int
    available: int


def cores() -> float:
    """Return the CPU cores that this process may use: its affinity, or a container's share."""
    affinity = getattr(os, "sched_getaffinity", None)
    count = float(len(affinity(0)) if affinity else os.cpu_count() or 1)
    quota = re.match(r"(\d+) (\d+)", read_system("/sys/fs/cgroup/cpu.max"))
    return min(count, int(quota[1]) / int(quota[2])) if quota else count


def threads() -> int:
    """Return how many threads can work at once."""
    return math.ceil(cores())


def memory() -> Memory | None:
    """Return the memory, or `None` where the system does not say."""
    text = read_system("/proc/meminfo")
    values = {name: int(kib) * 1024 for name, kib in re.findall(r"^(\w+):\s+(\d+) kB$", text, re.M)}
    if "MemTotal" not in values or "MemAvailable" not in values:
        return None
    total, available = values["MemTotal"], values["MemAvailable"]
    limit = read_system("/sys/fs/cgroup/memory.max").strip()
    if limit.isdigit() and int(limit) < total:
        used = int(read_system("/sys/fs/cgroup/memory.current").strip() or 0)
        total, available = int(limit), min(available, int(limit) - used)
    return Memory(total=total, available=available)


def read_system(path: str) -> str:
    """Return what the system says in a file of its own; nothing where it has no such file."""
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""

"""`scripts/environment.sh` finds a Python that can make environments, or says what to do.

The machine without `venv` is played by small programs put first on the path.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = ("bash", "dirname", "env", "sh", "touch")


class Machine:
    """A path with nothing on it but what a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in TOOLS:
            (folder / name).symlink_to(self.find(name))

    @staticmethod
    def find(name: str) -> Path:
        return next(p for p in (Path(f"/bin/{name}"), Path(f"/usr/bin/{name}")) if p.exists())

    def add(self, name: str, script: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def add_python(self, name: str = "python3", *, venv: bool = True) -> None:
        """Add the real Python, with or without what Debian packages apart."""
        block = (
            ""
            if venv
            else (f'case "$2" in *ensurepip*) [ -e {self.folder}/installed ] || exit 1;; esac\n')
        )
        self.add(name, f'{block}exec {sys.executable} "$@"')

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(ROOT / "scripts" / "environment.sh"), *words],
            env={"PATH": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=60,
        )


@pytest.fixture
def machine(tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    machine = Machine(folder)
    machine.add("id", "echo 0")
    return machine


def test_it_takes_the_python_there_is(machine):
    machine.add_python()
    child = machine.run("--python")
    assert (child.returncode, child.stdout.strip()) == (0, str(machine.folder / "python3"))


def test_a_name_that_does_not_run_is_passed_over(machine):
    machine.add("python3", "echo no such version >&2; exit 127")
    machine.add_python("python3.11")
    assert machine.run("--python").stdout.strip() == str(machine.folder / "python3.11")


def test_no_python_that_will_do(machine):
    machine.add("python3", 'case "$1" in --version) echo Python 3.9.2;; *) exit 1;; esac')
    child = machine.run("--python")
    assert child.returncode == 5
    assert "no Python 3.11, 3.12 or 3.13 found (python3 is Python 3.9.2)" in child.stderr
    assert "make PYTHON=" in child.stderr


def test_root_gets_the_missing_package(machine):
    machine.add_python(venv=False)
    log, installed = machine.folder / "log", machine.folder / "installed"
    machine.add("apt-get", f'echo "$@" >> {log}; case "$*" in *venv*) : > {installed};; esac')
    child = machine.run("--python")
    assert child.returncode == 0, child.stderr
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    assert log.read_text().splitlines()[-1].endswith(package)


def test_who_is_not_root_is_told_the_command(machine):
    machine.add_python(venv=False)
    machine.add("apt-get", "exit 99")
    machine.add("id", "echo 1000")
    child = machine.run("--python")
    assert child.returncode == 5
    assert "To do: sudo apt-get install python3." in child.stderr


def test_apt_that_fails_is_said(machine):
    machine.add_python(venv=False)
    machine.add("apt-get", "echo no network >&2; exit 100")
    child = machine.run("--python")
    assert child.returncode == 5
    assert "apt-get could not install" in child.stderr


def test_no_directory(machine):
    machine.add_python()
    child = machine.run()
    assert child.returncode == 5
    assert "no directory given" in child.stderr

"""What tests of JavaScript need: Node.js, packages of npm, Chromium; or the test is skipped."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from sightline.errors import MissingPackageError
from sightline.inference.chromium import NAMES
from sightline.inference.node import find_node, node_packages

SITE = Path(__file__).parents[2] / "src" / "sightline" / "exporting" / "site"


def need_node() -> str:
    try:
        return find_node()
    except MissingPackageError as error:
        pytest.skip(f"{error.what} ({error.fix})")


def need_packages(name: str) -> Path:
    need_node()
    try:
        return node_packages(name)
    except MissingPackageError as error:
        pytest.skip(f"{error.what} ({error.fix})")


def need_chromium() -> None:
    if not any(map(shutil.which, NAMES)):
        pytest.skip("chromium is absent (apt-get install chromium)")


def run_module(folder: Path, script: str, files: Mapping[str, bytes]) -> bytes:
    """Run a script beside our modules, with files at hand, and return what it writes to "out"."""
    node = need_node()
    for name in ("preprocess.js", "answers.js", "package.json"):
        shutil.copy(SITE / name, folder / name)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "script.js").write_text(script)
    child = subprocess.run(
        [node, "script.js"], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert child.returncode == 0, child.stderr
    return (folder / "out").read_bytes()

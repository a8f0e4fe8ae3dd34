from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from sightline.dataset import write_digits


@pytest.mark.train  # of the sample
@pytest.mark.parametrize("words", [(), ("--json",)])
def test_an_audit_without_a_page_does_not_load_what_makes_pages(
    tmp_path: Path, sightline_process: Callable[..., CompletedProcess[str]], words: tuple[str, ...]
) -> None:
    data = write_digits(tmp_path / "digits", per_class=5)
    (tmp_path / "jinja2.py").write_text("raise RuntimeError('loaded')\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = sightline_process("audit", str(data), *words, env=environment)
    assert done.returncode == 0, done.stderr
    page = str(tmp_path / "page.html")
    done = sightline_process("audit", str(data), "--save", page, env=environment)
    assert "RuntimeError: loaded" in done.stderr, "the trap works"

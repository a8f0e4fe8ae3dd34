"""What the tests of the command line share."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib import resources
from typing import Any

import jsonschema
import pytest

import sightline.reporting


@pytest.fixture
def sightline_process() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line in a process of its own."""

    def run(*words: str, **settings: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "import sightline.cli as c; raise SystemExit(c.main())"]
        return subprocess.run(
            [*command, *words], capture_output=True, text=True, timeout=60, check=False, **settings
        )

    return run


@pytest.fixture
def check_schema() -> Callable[[Any, str], None]:
    """Check a document against the schema of the name given."""

    def check(document: Any, name: str) -> None:
        file = resources.files(sightline.reporting) / "schemas" / f"{name}.json"
        jsonschema.Draft202012Validator(json.loads(file.read_text())).validate(document)

    return check

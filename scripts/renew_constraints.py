"""Resolve the newest versions that pyproject.toml allows and write them to constraints.txt.

Run in the development environment (`make constraints`), then run `make test`: the file is
what every other machine gets. Only names and versions are written, never where they came from.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEADER = (
    "# What `make demo`, `make test` and `.ci/run` install, exactly."
    " Renewed by `make constraints`.\n"
)


def resolve() -> dict[str, str]:
    """Return the version of each distribution that a fresh install would choose."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "-qq", "--dry-run"]
        command += ["--ignore-installed", "--no-build-isolation", "--report", str(report)]
        subprocess.run([*command, "setuptools", "--editable", f"{ROOT}[dev]"], check=True)
        installs = json.loads(report.read_text())["install"]
    metadata = [item["metadata"] for item in installs]
    return {
        re.sub(r"[-_.]+", "-", entry["name"]).lower(): entry["version"]
        for entry in metadata
        if entry["name"] != "sightline"
    }


if __name__ == "__main__":
    lines = [f"{name}=={version}\n" for name, version in sorted(resolve().items())]
    (ROOT / "constraints.txt").write_text(HEADER + "".join(lines))

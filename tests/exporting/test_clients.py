"""The JavaScript of docs/clients.md, run as it stands."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

from sightline.exporting import FORMATS, export_bundle
from sightline.exporting.export import Material

from .javascript import need_node, need_packages
from .small import pictures, small_bundle

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    packages = need_packages("tfjs")
    path = tmp_path_factory.mktemp("client") / "a.tfjs"
    bundle, form = small_bundle("three classes"), FORMATS["tfjs"]
    material = Material(pixels=pictures(bundle, 4))
    export_bundle(bundle, form, form.precisions["float32"], material).write(path)
    (path / "node_modules").symlink_to(packages)
    found = re.search(r"```js\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    (path / "check.mjs").write_text(found[1])
    return path


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [need_node(), "check.mjs"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_sketch_passes_and_can_fail(folder: Path) -> None:
    child = run(folder)
    assert child.returncode == 0 and child.stdout.startswith("passed"), child.stderr
    path = folder / "sightline.safetensors"
    arrays = load(path.read_bytes())
    arrays["pixels"] = np.ascontiguousarray(arrays["pixels"][..., ::-1])
    path.write_bytes(save(arrays))
    child = run(folder)
    assert child.returncode == 1 and child.stdout.startswith("FAILED"), child.stderr

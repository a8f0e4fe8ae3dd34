"""Node.js as a runtime: its answers, and what is told where it is absent, dies or hangs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from sightline.errors import MachineError, MissingPackageError, ModelError
from sightline.inference import node
from sightline.inference.node import NodeGraph, node_packages

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is absent")

ECHO = """
export function open(folder, packages, names) {
  const run = (pixels) => {
    if (pixels[0] === 1) process.exit(3);
    if (pixels[0] === 2) for (;;) ;
    if (pixels[0] === 3) throw new Error("a word");
    console.log("not between our messages");
    return { logits: Float32Array.of(pixels[0], pixels[5]), embedding: new Float32Array(3) };
  };
  return { shape: [1, 2, 3], run };
}
"""


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NodeGraph:
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    shutil.copy(node.SCRIPTS / "serve.mjs", scripts)
    (scripts / "echo.mjs").write_text(ECHO)
    monkeypatch.setattr(node, "SCRIPTS", scripts)
    return NodeGraph("echo", tmp_path, {"logits": "a", "embedding": "b"}, threads=3)


def pixels(count: int) -> np.ndarray:
    made = np.zeros((count, 1, 2, 3), np.uint8)
    made[:, 0, 0, 0] = 10
    made[:, 0, 1, 2] = np.arange(count)
    return made


@needs_node
@pytest.mark.parametrize("count", [0, 1, 30])
def test_answers_come_in_the_order_of_the_images(graph: NodeGraph, count: int) -> None:
    given = graph.run(pixels(count))
    assert given["logits"].tolist() == [[10, number] for number in range(count)]
    assert given["embedding"].shape == (count, 3)
    with pytest.raises(ModelError, match="was given uint8 pixels of shape"):
        graph.run(np.zeros((1, 2, 2, 3), np.uint8))


@needs_node
@pytest.mark.parametrize(("order", "told"), [(1, "it ended"), (3, "a word")])
def test_a_process_that_dies_is_told(graph: NodeGraph, order: int, told: str) -> None:
    images = pixels(30)
    images[7, 0, 0, 0] = order
    with pytest.raises(ModelError, match=told) as caught:
        graph.run(images)
    assert caught.value.fix and caught.value.expected
    assert "not between our messages" in caught.value.details["node"]


@needs_node
def test_a_process_that_hangs_is_ended(graph: NodeGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "_RUN_SECONDS", 1)
    images = pixels(1)
    images[0, 0, 0, 0] = 2
    children = [process._child for process in graph._processes]
    with pytest.raises(MachineError, match="no answer"):
        graph.run(images)
    assert children and all(child.poll() is not None for child in children)


@needs_node
def test_processes_end_with_what_they_served(graph: NodeGraph) -> None:
    given = graph.run(pixels(30))
    children = [process._child for process in graph._processes]
    assert len(children) == 3 and all(child.poll() is None for child in children)
    graph.close()
    assert all(child.poll() is not None for child in children)
    again = graph.run(pixels(3))
    assert all(np.array_equal(again[name], value[:3]) for name, value in given.items())


def test_without_node_the_user_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SIGHTLINE_CACHE", str(tmp_path / "cache"))
    for call in (lambda: NodeGraph("web", tmp_path, {}), lambda: node_packages("litert")):
        with pytest.raises(MissingPackageError) as caught:
            call()
        assert caught.value.fix == "sudo apt-get install nodejs npm"


def test_packages_that_cannot_be_fetched_leave_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tool = tmp_path / "npm"
    tool.write_text("#!/bin/sh\necho 'npm error network is unreachable' >&2\nexit 1\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SIGHTLINE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(MissingPackageError, match="network is unreachable") as caught:
        node_packages("tfjs")
    assert "@tensorflow/tfjs-core 4.22.0" in str(caught.value.expected)
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_lock_files_pin_every_package_and_name_no_host() -> None:
    for name in ("tfjs", "litert"):
        text = (node.SCRIPTS / name / "package-lock.json").read_text()
        assert "http" not in text and "resolved" not in text
        assert text.count('"version"') == text.count('"integrity": "sha512-') > 1

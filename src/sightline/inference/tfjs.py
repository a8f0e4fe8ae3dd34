"""Run a TensorFlow.js graph model in Node.js, on the WebAssembly backend."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sightline.inference.node import NodeGraph, node_packages


def open_tfjs(path: Path, outputs: Mapping[str, str], *, threads: int | None = None) -> NodeGraph:
    """Open a graph model.

    Args:
        path: Its folder.
        outputs: Name of the tensor for each output.
        threads: Processes at most; all cores by default.

    Raises:
        MissingPackageError: Node.js is not installed, or npm cannot fetch TensorFlow.js.
        ModelError: The model is damaged, or lacks an output.
    """
    return NodeGraph("tfjs", path, outputs, packages=node_packages("tfjs"), threads=threads)

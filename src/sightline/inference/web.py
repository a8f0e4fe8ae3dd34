"""Run the model of a `web` folder in Node.js, with the folder's own modules and runtime.

What else a browser does (decoding, the page) is proven in a browser: see `inference.chromium`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sightline.inference.node import NodeGraph


def open_web(path: Path, outputs: Mapping[str, str], *, threads: int | None = None) -> NodeGraph:
    """Open the model of a folder.

    Args:
        path: The folder.
        outputs: Name of the tensor for each output.
        threads: Processes at most; all cores by default.

    Raises:
        MissingPackageError: Node.js is not installed.
        ModelError: The folder is not whole, or its model lacks an output.
    """
    return NodeGraph("web", path, outputs, threads=threads)

"""Run the model of a `web` folder in Node.js, with the folder's own modules and runtime.

What else a browser does (decoding, the page) is proven in a browser: see `inference.chromium`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sightline.errors import ModelError
from sightline.images import Preprocessing
from sightline.inference.chromium import WebPage, open_page
from sightline.inference.node import NodeGraph
from sightline.inference.reading import FileReader, Reading


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


@contextmanager
def web_reader(path: Path, preprocessing: Preprocessing) -> Iterator[FileReader]:
    """Open the way from files to answers that a visitor's browser has, in headless Chromium.

    Args:
        path: The folder.
        preprocessing: The model's.

    Raises:
        MissingPackageError: There is no Chromium.
        MachineError, ModelError: As `inference.chromium.open_page`.
    """
    with open_page(path) as page:
        yield page_reader(page, preprocessing)


def page_reader(page: WebPage, preprocessing: Preprocessing) -> FileReader:
    """Return the way from files to answers of a page that is open.

    Args:
        page: In Chromium.
        preprocessing: The model's.
    """
    shape = (preprocessing.height, preprocessing.width, preprocessing.channels)

    def read(content: bytes) -> Reading:
        try:
            pixels = page.pixels(content).reshape(shape)
        except ModelError as error:
            return Reading(refused=error.what)
        return Reading(pixels=pixels, probabilities=page.probabilities(content))

    return lambda files: [read(content) for content in files]

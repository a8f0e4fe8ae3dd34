"""Run the model of a `web` folder in Node.js, with the folder's own modules and runtime.

Scripts in Node.js may do whatever their user may, and a card vouches for the files of whoever wrote
it. So only scripts that are known here are run: those that this version writes.

What else a browser does (decoding, the page) is proven in a browser: see `inference.chromium`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sightline.errors import ModelError
from sightline.files import printable, sha256_file
from sightline.images import Preprocessing
from sightline.inference.chromium import WebPage, open_page
from sightline.inference.node import NodeGraph
from sightline.inference.reading import FileReader, Reading

_SCRIPTS: Mapping[str, str] = {
    "engine.js": "326d66cf146ffdd9faf80011dbb8615e92c8f39ba86224393de2a91085ad7b5a",
    "litert/index.js": "d0b3f2cd1b51b7722cd2540c65be084799fb0599f45aab6b01ec220681e5636f",
    "litert/litert_wasm_compat_internal.js": (
        "4d8f894b7883654fd6e8439730aa41e79ceaab7d19184fc4f1f0b0f1a2a2c8a5"
    ),
    "litert/litert_wasm_compat_internal.wasm": (
        "5255c8ad06eabdbd2522cdebf6b22fc10faf74625c23a49b9e072570cd1fa41c"
    ),
    "litert/litert_wasm_internal.js": (
        "68efb69f770e3f76aff36a377de629ca496c131b86ac0f0f4b592a1543a898eb"
    ),
    "litert/litert_wasm_internal.wasm": (
        "7280cf4471774867e385e6c3cd53e2b45e2975b80fea338fff4ef359b0865614"
    ),
    "litert/wasm-utils.js": "54607836b002f6d6518a37061c54809ad01109b9b7169e1b857bc9ca74af4df1",
    "package.json": "609158e6c5fbc237939fa3ddf7faab80ab690bdc0c8d584414a885130103c4e8",
}
"""SHA-256 of each file that Node.js loads."""


def open_web(path: Path, outputs: Mapping[str, str], *, threads: int | None = None) -> NodeGraph:
    """Open the model of a folder.

    Args:
        path: The folder.
        outputs: Name of the tensor for each output.
        threads: Processes at most; all cores by default.

    Raises:
        MissingPackageError: Node.js is not installed.
        ModelError: The folder is not whole, its model lacks an output, or it has other scripts.
    """
    for name, digest in _SCRIPTS.items():
        script = path / name
        if not script.is_file() or sha256_file(script) != digest:
            raise ModelError(
                f"{printable(script)} is no script of this version, and is not run outside of a "
                "browser.",
                expected="a folder that this version of Sightline wrote",
                fix="export again; a browser still opens it",
                code="unknown_script",
            )
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
            return Reading(
                pixels=page.pixels(content).reshape(shape),
                probabilities=page.probabilities(content),
            )
        except ModelError as error:
            return Reading(refused=error.what)
        except ValueError:
            return Reading(refused="its pixels are of another shape")

    return lambda files: [read(content) for content in files]

"""A folder that any static web server can serve: a page that classifies in the browser itself.

The page runs the LiteRT graph with LiteRT.js, whose files are in the folder, and decodes and
resizes with `preprocess.js`. Nothing leaves the browser, and nothing comes from elsewhere: the
page's Content-Security-Policy forbids it. At each start it checks itself with the golden vectors.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path

from sightline.exporting import litert
from sightline.exporting.formats import Converted, Precision, Samples
from sightline.inference.node import node_packages
from sightline.models.bundle import Bundle

SITE = Path(__file__).with_name("site")
MODEL = "model.tflite"

_RUNTIME = "litert"
_BUILDS = ("litert_wasm_internal", "litert_wasm_compat_internal")
"""Of LiteRT.js: with relaxed SIMD where the browser has it, and without. Those with threads need
two headers that few static servers send."""


def convert(bundle: Bundle, precision: Precision, samples: Samples | None) -> Converted:
    """Return a page with a bundle's network in it.

    Args:
        bundle: The model.
        precision: One of LiteRT's.
        samples: As `litert.convert` takes them.

    Raises:
        MissingPackageError: npm is not installed or cannot fetch LiteRT.js; or the extra
            `quantize` is not installed and the precision is not float32.
        ModelError: The network cannot be quantised.
    """
    packages = node_packages(_RUNTIME)
    graph = litert.convert(bundle, precision, samples)
    files = {path.name: path.read_bytes() for path in sorted(SITE.iterdir())}
    names = ", ".join(bundle.classes[:3]) + ("" if len(bundle.classes) <= 3 else " …")
    page = files["index.html"].decode().replace("%CLASSES%", html.escape(names))
    return Converted(
        files={
            **files,
            "index.html": page.encode(),
            MODEL: graph.files[litert.SUFFIX],
            **bundle.golden_files(),
            **_runtime_files(packages / "@litertjs"),
        },
        outputs=graph.outputs,
    )


def embed(files: Mapping[str, bytes], description: str) -> Mapping[str, bytes]:
    """Return the files with what the card tells in the LiteRT file too (`exporting.litert.embed`).

    Raises:
        ModelError: As there.
    """
    told = litert.embed({litert.SUFFIX: files[MODEL]}, description)
    return {**files, MODEL: told[litert.SUFFIX]}


def described(files: Mapping[str, bytes]) -> str | None:
    """Return the description in the LiteRT file (`exporting.litert.described`)."""
    return litert.described({litert.SUFFIX: files[MODEL]})


def _runtime_files(package: Path) -> dict[str, bytes]:
    core = (package / "core" / "dist" / "index.js").read_text()
    # A bare name would need an import map, which is an inline script, which the policy forbids.
    linked = core.replace('"@litertjs/wasm-utils"', '"./wasm-utils.js"')
    builds = {
        f"{_RUNTIME}/{build}{suffix}": (package / "core" / "wasm" / f"{build}{suffix}").read_bytes()
        for build in _BUILDS
        for suffix in (".js", ".wasm")
    }
    return {
        f"{_RUNTIME}/index.js": _without_map(linked),
        f"{_RUNTIME}/wasm-utils.js": _without_map(
            (package / "wasm-utils" / "dist" / "index.js").read_text()
        ),
        **builds,
    }


def _without_map(script: str) -> bytes:
    """Leave out the pointer to a source map that is not in the folder."""
    lines = [line for line in script.splitlines() if not line.startswith("//# sourceMappingURL")]
    return ("\n".join(lines) + "\n").encode()

"""Decodes the files named on standard input under a memory limit; run as its own process.

Prints one JSON line per file: name, outcome (`"ok"` or the error's code), seconds, notes and
a small upright thumbnail. The process that dies, hangs or warns is the test's failure.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from sightline.errors import ImageError
from sightline.images import DecodedImage, Preprocessing, decode, preprocess


def main() -> None:
    preprocess(_warm_up(), Preprocessing())
    limit_mib = int(sys.argv[1])
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = now + limit_mib * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for line in sys.stdin:
        print(json.dumps(_outcome(Path(line.rstrip("\n")))), flush=True)


def _outcome(path: Path) -> dict[str, object]:
    data = path.read_bytes()
    at_least = (224, 224) if "at-least" in sys.argv else None
    start = time.perf_counter()
    try:
        decoded = decode(data, at_least=at_least)
    except ImageError as error:
        return {"path": str(path), "code": error.code, "seconds": time.perf_counter() - start}
    return {
        "path": str(path),
        "code": "ok",
        "seconds": time.perf_counter() - start,
        "notes": decoded.notes,
        "shape": decoded.pixels.shape,
        "thumbnail": _thumbnail(decoded),
    }


def _thumbnail(decoded: DecodedImage) -> list[int]:
    image = Image.fromarray(decoded.pixels).resize((8, 8), Image.Resampling.BOX)
    return [int(level) for level in np.asarray(image).ravel()]


def _warm_up() -> bytes:
    """Return a file whose decoding loads and allocates what any decoding does once."""
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "JPEG")
    return stream.getvalue()


if __name__ == "__main__":
    main()

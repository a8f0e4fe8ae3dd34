"""Time and memory of an audit of many files: is it linear, and does a second one take seconds?

    python benchmarks/audit_scale.py [--sizes 1000 10000 100000]        # 100,000: some minutes

Writes so many small photos (JPEG, 64 x 64, ten classes, some of them copies) into a temporary
folder and runs `sightline audit` on it twice in processes of their own, with an empty cache at
first. Prints seconds, seconds for each file, and the peak memory of the process and its helpers.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

PROGRAM = """
import json, resource, sys
from sightline.cli import main
code = main(sys.argv[1:])
peaks = [resource.getrusage(who).ru_maxrss / 1024 for who in
         (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps(peaks), file=sys.stderr)
sys.exit(code)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    arguments = parser.parse_args()
    print("  files   run   seconds  ms a file  MB  MB of the largest helper  findings")
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder) / "data"
            write_photos(data, size)
            for run in ("cold", "again"):
                seconds, peaks, findings = audit(data, Path(folder) / "cache")
                each = f"{seconds / size * 1000:.2f}"
                own, helper = (f"{peak:.0f}" for peak in peaks)
                print(f"{size:7} {run:5} {seconds:9.1f} {each:>10} {own:>4} {helper:>6} {findings}")
                sys.stdout.flush()


def audit(data: Path, cache: Path) -> tuple[float, list[float], int]:
    began = time.perf_counter()
    child = subprocess.run(
        [sys.executable, "-c", PROGRAM, "audit", str(data), "--json"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SIGHTLINE_CACHE": str(cache)},
    )
    seconds = time.perf_counter() - began
    if child.returncode not in (0, 3):
        raise SystemExit(child.stderr)
    peaks = json.loads(child.stderr.splitlines()[-1])
    return seconds, peaks, len(json.loads(child.stdout)["findings"])


def write_photos(folder: Path, count: int) -> None:
    """Write pictures of sharp and soft shapes; every thousandth is a copy of the one before."""
    rng = np.random.default_rng(0)
    for label in range(10):
        (folder / str(label)).mkdir(parents=True)
    data = b""
    for number in range(count):
        if number % 1000 != 999:
            coarse = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
            method = Image.Resampling.NEAREST if number % 2 else Image.Resampling.BICUBIC
            stream = io.BytesIO()
            Image.fromarray(coarse).resize((64, 64), method).save(stream, "JPEG", quality=85)
            data = stream.getvalue()
        (folder / str(number // 7 % 10) / f"{rng.integers(10**12)}-{number}.jpg").write_bytes(data)


if __name__ == "__main__":
    main()

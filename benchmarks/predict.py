"""What prediction costs: cold, in a stream of photos, and in memory.

    sightline train ../shared/data/clothing --effort quick --allow leak --allow conflict \
        --save clothing.sightline
    python benchmarks/predict.py clothing.sightline [--photos 2530] [--cold 9] [--long 20000]

Cold is the wall time of whole commands, and `-X importtime` tells whether one of them imported
TensorFlow. The stream is held against what its two parts, measured apart on the same photos,
turn by turn, would allow together if nothing were lost: 1 / (1 / decoding + 1 / runtime) images
a second. Memory is what the process holds (RSS) after 10, 50 and 100 % of a long stream.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from sightline.images import FileSource, Source, load
from sightline.inference import LiteRTRunner, predict_stream
from sightline.machine import threads
from sightline.models.bundle import read_bundle

SHARED = Path(os.environ.get("SIGHTLINE_SHARED", "../shared")).resolve()
PHOTOS = SHARED / "data" / "clothing"
TURNS = 5
MARKS = (0.1, 0.5, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--photos", type=int, default=2530)
    parser.add_argument("--cold", type=int, default=9, help="runs of each command")
    parser.add_argument("--long", type=int, default=20_000, help="images of the long stream")
    parser.add_argument("--only-memory", action="store_true", help="used by this script itself")
    arguments = parser.parse_args()
    found = sorted(PHOTOS.rglob("*.jpg"))[: arguments.photos]
    if not found:
        raise SystemExit(f"No photos in {PHOTOS}: set SIGHTLINE_SHARED.")
    photos = [FileSource(path, path.name) for path in found]
    runner = LiteRTRunner(read_bundle(arguments.bundle))
    if arguments.only_memory:
        memory(runner, photos, arguments.long)
        return
    print(f"{len(photos)} photos, {threads()} cores, load {os.getloadavg()[0]:.1f}")
    cold(arguments.bundle, found[0], arguments.cold)
    stream(runner, photos)
    same = [sys.executable, __file__, str(arguments.bundle), "--only-memory"]
    options = ["--photos", str(arguments.photos), "--long", str(arguments.long)]
    subprocess.run([*same, *options], check=True)


def cold(bundle: Path, photo: Path, runs: int) -> None:
    """Print the median wall time of whole commands, taken in turn."""
    sightline = [sys.executable, "-m", "sightline"]
    commands = {
        "predict": [*sightline, "predict", str(bundle), str(photo)],
        "--help": [*sightline, "--help"],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for name, command in runs * list(commands.items()):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds[name].append(time.perf_counter() - began)
    for name, command in commands.items():
        traced = [command[0], "-X", "importtime", *command[1:]]
        log = subprocess.run(traced, check=True, capture_output=True, text=True).stderr
        words = "not imported"
        if any(line.endswith(" tensorflow") for line in log.splitlines()):
            words = "IMPORTED"
        shown = f"{statistics.median(seconds[name]):.3f} s (least {min(seconds[name]):.3f})"
        print(f"cold sightline {name:<8} {shown}, TensorFlow {words}")


def stream(runner: LiteRTRunner, photos: Sequence[Source]) -> None:
    """Print the rates of decoding, of the runtime and of both together, and the ratio."""
    rates: dict[str, list[float]] = {"decoding": [], "runtime": [], "predict": []}
    shares = []
    for turn in range(TURNS):
        part = photos[turn::TURNS]
        pixels = decoded(runner, part)
        works: dict[str, Callable[[], object]] = {
            "decoding": partial(decoded, runner, part),
            "runtime": partial(runner.run, pixels),
            "predict": partial(answered, runner, part),
        }
        took = {name: clock(work) / len(part) for name, work in works.items()}
        for name, seconds in took.items():
            rates[name].append(1 / seconds)
        shares.append((took["decoding"] + took["runtime"]) / took["predict"])
    for name, values in rates.items():
        print(f"{name:<9} {statistics.median(values):7.1f} images/s")
    print(f"predict reaches {statistics.median(shares):.2f} of what its parts allow")


def decoded(runner: LiteRTRunner, photos: Sequence[Source]) -> np.ndarray:
    with ThreadPoolExecutor(threads()) as pool:
        return np.stack(
            list(pool.map(lambda photo: load(photo, runner.preprocessing).pixels, photos))
        )


def answered(runner: LiteRTRunner, photos: Sequence[Source]) -> int:
    return sum(len(chunk) for chunk in predict_stream(runner, photos))


def clock(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def memory(runner: LiteRTRunner, photos: Sequence[Source], count: int) -> None:
    """Print what this process holds at some points of a long stream."""
    marks = [int(count * mark) for mark in MARKS]
    done = 0
    held: list[float] = []
    for chunk in predict_stream(runner, itertools.islice(itertools.cycle(photos), count)):
        done += len(chunk)
        while len(held) < len(marks) and done >= marks[len(held)]:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            held.append(pages * os.sysconf("SC_PAGE_SIZE") / 2**20)
    points = ", ".join(f"{m:,} images {h:.0f} MiB" for m, h in zip(marks, held, strict=True))
    print(f"memory after {points}: grown to {held[-1] / held[0]:.3f} of the first")


if __name__ == "__main__":
    main()

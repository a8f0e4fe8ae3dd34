"""Smaller and faster models of the clothing photos against the MobileNetV2 they were made from.

    python benchmarks/compression.py OUTPUT.json [--resplits 3] [--settings NAME ...]

Every photo of the data set is split anew, near duplicates kept together (`clothing.py`). On each
resplit MobileNetV2 1.0 at 224 pixels is fine-tuned, and `sightline compress` makes each smaller
model from it. Latency is of the LiteRT twins for one image in one thread, both asked in turns.
Resplits that the output has already are not measured again.

Prints accuracies, the paired difference on the same test images, and how many times as fast each
one is. Settings were chosen on validation images of the official split.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from clothing import EFFORTS, environment, right_answers, timed, write_resplit

from sightline.evaluation import paired_gain

SETTINGS: Mapping[str, Sequence[str]] = {
    "distilled, 144 px": (
        *("--method", "distill", "--image-size", "144"),
        *("--option", "weights=imagenet", "--epochs", "16"),
    ),
    "distilled, 128 px": (
        *("--method", "distill", "--image-size", "128"),
        *("--option", "weights=imagenet", "--epochs", "8"),
    ),
    "channels, 0.4 kept": ("--method", "channels", "--keep", "0.4", "--epochs", "4"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="where all figures go, as JSON")
    parser.add_argument("--resplits", type=int, default=3)
    parser.add_argument("--settings", nargs="*", default=list(SETTINGS), choices=list(SETTINGS))
    arguments = parser.parse_args()
    results: list[dict[str, Any]] = []
    if arguments.output.exists():  # a run that was ended goes on
        results = json.loads(arguments.output.read_text())
    done = {row["resplit"] for row in results}
    with tempfile.TemporaryDirectory() as folder:
        for resplit in sorted(set(range(arguments.resplits)) - done):
            data = write_resplit(Path(folder) / f"resplit-{resplit}", seed=1000 + resplit)
            results += run(data, resplit, arguments.settings)
            arguments.output.write_text(json.dumps(results))
            shutil.rmtree(data)
    report(results)


def run(data: Path, resplit: int, settings: Sequence[str]) -> list[dict[str, Any]]:
    cache = data.with_suffix(".cache")
    cache.mkdir(exist_ok=True)
    original, smaller = data.with_suffix(".sightline"), data.with_suffix(".small.sightline")
    program = [sys.executable, "-m", "sightline"]
    train = [*program, "train", str(data), "--save", str(original), *EFFORTS["standard"]]
    timed([*train, "--overwrite"], environment(cache))
    before = right_answers(original, data, cache)
    rows = []
    for what in settings:
        command = [*program, "compress", str(original), str(data), "--save", str(smaller)]
        seconds, output = timed(
            [*command, "--overwrite", "--json", *SETTINGS[what]], environment(cache)
        )
        told = json.loads(output)
        row = {"what": what, "resplit": resplit, "seconds": seconds, "told": told}
        rows.append({**row, "before": before, "after": right_answers(smaller, data, cache)})
        comparison = told["comparison"]
        print(
            f"resplit {resplit} {what:<20} {seconds:7.1f} s  {told['speed']:.2f} times as fast  "
            f"accuracy {comparison['before']['value']:.4f} -> {comparison['after']['value']:.4f}",
            flush=True,
        )
    return rows


def report(results: Sequence[Mapping[str, Any]]) -> None:
    print(f"\n{'':<20} {'before':>7} {'after':>7} {'times as fast':>13} {'gzip':>6}  difference")
    for what in SETTINGS:
        rows = [row for row in results if row["what"] == what]
        if not rows:
            continue
        told = [row["told"] for row in rows]
        before, after = (
            statistics.fmean(one["comparison"][side]["value"] for one in told)
            for side in ("before", "after")
        )
        speed = statistics.median(one["speed"] for one in told)
        gzip = statistics.fmean(
            one["after"]["gzip_bytes"] / one["before"]["gzip_bytes"] for one in told
        )
        line = f"{what:<20} {before:>7.4f} {after:>7.4f} {speed:>13.2f} {gzip:>6.2f}"
        print(f"{line}  {difference(rows)}")


def difference(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the paired difference in accuracy with its 95 % interval."""
    before, after, images, runs = [], [], [], []
    for row in rows:
        for name, right in row["before"].items():
            before.append(right)
            after.append(row["after"][name])
            images.append(name)
            runs.append((row["resplit"], 0))
    return str(paired_gain(np.array(before), np.array(after), images=images, runs=runs))


if __name__ == "__main__":
    main()

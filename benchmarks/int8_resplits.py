"""What eight bits cost: LiteRT in int8 against float32, over several resplits of the photos.

    python benchmarks/int8_resplits.py OUTPUT.json [--resplits 5]

Each resplit trains MobileNetV2 (`--effort standard --flip`) in a process of its own, exports
int8 as `sightline export` does, and compares both on the test part: accuracy paired image by
image, size, and the median time of one image, asked in turn. Nothing is chosen by test figures.
Resplits that the output has already are not measured again.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from clothing import environment, write_resplit

from sightline.dataset import Dataset
from sightline.evaluation import paired_gain
from sightline.images import load
from sightline.inference import LiteRTRunner
from sightline.inference.exported import open_export
from sightline.models.bundle import read_bundle

ROUNDS = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="where all figures go, as JSON")
    parser.add_argument("--resplits", type=int, default=5)
    arguments = parser.parse_args()
    results: list[dict[str, Any]] = []
    if arguments.output.exists():  # a run that was ended goes on
        results = json.loads(arguments.output.read_text())
    with tempfile.TemporaryDirectory() as folder:
        for resplit in range(len(results), arguments.resplits):
            data = write_resplit(Path(folder) / f"resplit-{resplit}", seed=2000 + resplit)
            results.append(measure(data, resplit))
            arguments.output.write_text(json.dumps(results, indent=1))
    report(results)


def measure(data: Path, resplit: int) -> dict[str, Any]:
    model, export = data.with_suffix(".sightline"), data.with_suffix(".tflite")
    program = [sys.executable, "-m", "sightline"]
    for words in (
        ["train", data, "--effort", "standard", "--flip", "--save", model],
        ["export", model, data, "--quantize", "int8", "--save", export],
    ):
        command = [*program, *map(str, words)]
        done = subprocess.run(
            command,
            env=environment(data.with_suffix(".cache")),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}\n{done.stderr[-4000:]}")
    bundle = read_bundle(model)
    rows = [row for row in Dataset.from_folder(data).rows if row.split == "test"]
    pixels = np.stack([load(row.source, bundle.preprocessing).pixels for row in rows])
    truth = np.array([bundle.classes.index(row.labels[0]) for row in rows])
    names = [os.path.basename(row.name) for row in rows]
    runners = {
        threads: (LiteRTRunner(bundle, threads=threads), open_export(export, threads=threads))
        for threads in (1, 2)
    }
    answers = [runner.run(pixels).probabilities.argmax(axis=1) for runner in runners[2]]
    row: dict[str, Any] = {
        "resplit": resplit,
        "images": names,
        "right": [(answer == truth).tolist() for answer in answers],
        "agreement": float((answers[0] == answers[1]).mean()),
        "size": export.stat().st_size / len(bundle.twin()),
        "milliseconds": {threads: timed(pair, pixels) for threads, pair in runners.items()},
    }
    return tell(row)


def timed(runners: tuple[Any, Any], pixels: np.ndarray) -> list[float]:
    """Return the median milliseconds of one image for each of both, asked in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(ROUNDS):
        image = pixels[number % len(pixels)][None]
        for runner, own in zip(runners, times, strict=True):
            began = time.perf_counter()
            runner.run(image)
            own.append(1000 * (time.perf_counter() - began))
    return [statistics.median(own[5:]) for own in times]


def tell(row: dict[str, Any]) -> dict[str, Any]:
    before, after = (np.mean(right) for right in row["right"])
    times = ", ".join(
        f"{threads} threads {float32:.1f} / {int8:.1f} ms ({float32 / int8:.2f})"
        for threads, (float32, int8) in row["milliseconds"].items()
    )
    print(
        f"resplit {row['resplit']}: accuracy {before:.4f} -> {after:.4f}, agreement "
        f"{row['agreement']:.4f}, size {row['size']:.3f}, {times}",
        flush=True,
    )
    return row


def report(results: list[dict[str, Any]]) -> None:
    before, after, images, runs = [], [], [], []
    for row in results:
        before += row["right"][0]
        after += row["right"][1]
        images += row["images"]
        runs += [row["resplit"]] * len(row["images"])
    gain = paired_gain(np.array(before), np.array(after), images=images, runs=runs)
    print(f"mean change of accuracy: {gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})")
    for threads in results[0]["milliseconds"]:
        ratios = [one["milliseconds"][threads] for one in results]
        fastness = statistics.median(float32 / int8 for float32, int8 in ratios)
        print(f"{threads} threads: int8 is {fastness:.2f} times as fast")
    print(f"size: {statistics.median(one['size'] for one in results):.3f} of float32")


if __name__ == "__main__":
    main()

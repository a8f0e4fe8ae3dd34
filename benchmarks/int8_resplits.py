"""What eight bits cost: int8 against float32, LiteRT and ONNX, over several resplits of the photos.

    python benchmarks/int8_resplits.py OUTPUT.json [--resplits 5]

Each resplit trains MobileNetV2 (`--effort standard --flip`), exports it to both formats in both
precisions, each in a process of its own, and compares them on the test part: accuracy paired image
by image, size, and the median time of one image, asked in turn. Nothing is chosen by test figures.
Resplits that the output has already are not measured again.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from clothing import environment, write_resplit

from sightline.dataset import Dataset
from sightline.evaluation import paired_gain
from sightline.images import load
from sightline.inference.exported import open_export
from sightline.models.bundle import read_bundle

ROUNDS = 60
FORMATS = {"LiteRT": ".tflite", "ONNX": ".onnx"}
PRECISIONS = ("float32", "int8")


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
            arguments.output.write_text(json.dumps(results))
            shutil.rmtree(data)
    report(json.loads(arguments.output.read_text()))


def measure(data: Path, resplit: int) -> dict[str, Any]:
    model = data.with_suffix(".sightline")
    run("train", data, "--effort", "standard", "--flip", "--save", model)
    bundle = read_bundle(model)
    rows = [row for row in Dataset.from_folder(data).rows if row.split == "test"]
    pixels = np.stack([load(row.source, bundle.preprocessing).pixels for row in rows])
    truth = np.array([bundle.classes.index(row.labels[0]) for row in rows])
    formats = {name: compared(model, data, suffix, pixels) for name, suffix in FORMATS.items()}
    for found in formats.values():
        answers = [np.array(answer) for answer in found.pop("answers")]
        found["agreement"] = float((answers[0] == answers[1]).mean())
        found["right"] = [(answer == truth).tolist() for answer in answers]
    images = [os.path.basename(row.name) for row in rows]
    return tell({"resplit": resplit, "images": images, "formats": formats})


def run(*words: Any) -> None:
    command = [sys.executable, "-m", "sightline", *map(str, words)]
    cache = Path(words[1]).with_suffix(".cache")
    done = subprocess.run(
        command, env=environment(cache), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr[-4000:]}")


def compared(model: Path, data: Path, suffix: str, pixels: np.ndarray) -> dict[str, Any]:
    """Return the answers of a format in float32 and in int8, its sizes and times."""
    exports = [model.with_suffix(f".{precision}{suffix}") for precision in PRECISIONS]
    for precision, path in zip(PRECISIONS, exports, strict=True):
        run("export", model, data, "--quantize", precision, "--save", path)
    runners = {
        threads: [open_export(path, threads=threads) for path in exports] for threads in (1, 2)
    }
    sizes = [path.stat().st_size for path in exports]
    return {
        "answers": [one.run(pixels).probabilities.argmax(axis=1) for one in runners[2]],
        "size": sizes[1] / sizes[0],
        "milliseconds": {threads: timed(pair, pixels) for threads, pair in runners.items()},
    }


def timed(runners: Sequence[Any], pixels: np.ndarray) -> list[float]:
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
    for name, found in row["formats"].items():
        before, after = (np.mean(right) for right in found["right"])
        times = ", ".join(
            f"{threads} threads {float32:.1f} / {int8:.1f} ms ({float32 / int8:.2f})"
            for threads, (float32, int8) in found["milliseconds"].items()
        )
        print(
            f"resplit {row['resplit']} {name}: accuracy {before:.4f} -> {after:.4f}, agreement "
            f"{found['agreement']:.4f}, size {found['size']:.3f}, {times}",
            flush=True,
        )
    return row


def report(results: list[dict[str, Any]]) -> None:
    for name in FORMATS:
        found = [row["formats"][name] for row in results]
        before, after = (
            np.array([right for one in found for right in one["right"][side]]) for side in (0, 1)
        )
        images = [image for row in results for image in row["images"]]
        runs = [row["resplit"] for row in results for _ in row["images"]]
        gain = paired_gain(before, after, images=images, runs=runs)
        print(f"{name}: {np.mean(before):.4f} -> {np.mean(after):.4f}, {gain}")
        for threads in ("1", "2"):
            ratios = [one["milliseconds"][threads] for one in found]
            fastness = statistics.median(float32 / int8 for float32, int8 in ratios)
            print(f"  {threads} threads: int8 is {fastness:.2f} times as fast")
        print(f"  size: {statistics.median(one['size'] for one in found):.3f} of float32")


if __name__ == "__main__":
    main()

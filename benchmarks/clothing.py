"""Transfer learning on the clothing photos against the usual tutorial, in one run.

    python benchmarks/clothing.py OUTPUT.json [--resplits 3] [--seeds 3] [--epochs 10]

Every photo of the data set is split anew, near duplicates kept together, so that no figure
hangs on the 372 test images of the official split. On each resplit the tutorial runs once
(its script has one seed) and `sightline train` for each seed and effort, each in a process
of its own that is timed as a whole: importing, reading, training, converting, verifying,
measuring and saving. `quick` runs twice: with empty caches, and again with another head.

Prints accuracies with their range, times as shares of the tutorial's, and the paired gain
over the tutorial on the same test images. Nothing in it was chosen by test figures.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sightline.dataset import Dataset
from sightline.evaluation import paired_gain

SHARED = Path(os.environ.get("SIGHTLINE_SHARED", "../shared")).resolve()
TUTORIAL = SHARED / "baselines" / "tutorial_transfer.py"
EFFORTS: Mapping[str, Sequence[str]] = {
    "quick": ("--effort", "quick", "--fit", "crop"),
    "quick, another head": ("--effort", "quick", "--fit", "crop", "--head-strength", "0.02"),
    "standard": ("--effort", "standard", "--flip"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="where all figures go, as JSON")
    parser.add_argument("--resplits", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10, help="of the tutorial")
    parser.add_argument("--efforts", nargs="*", default=list(EFFORTS))
    arguments = parser.parse_args()
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for resplit in range(arguments.resplits):
            data = write_resplit(Path(folder) / f"resplit-{resplit}", seed=1000 + resplit)
            results.append(run_tutorial(data, resplit, arguments.epochs))
            for seed in range(arguments.seeds):
                results += run_sightline(data, resplit, seed, arguments.efforts)
            arguments.output.write_text(json.dumps(results, indent=1))
            shutil.rmtree(data)
    report(results)


def write_resplit(folder: Path, *, seed: int) -> Path:
    """Copy all photos into a new split of 72, 13.5 and 14.5 %, as the official one has."""
    photos = Dataset.from_folder(SHARED / "data" / "clothing").without_splits()
    for part in photos.split(0.72, 0.135, 0.145, seed=seed):
        for row in part.rows:
            split = str(row.split)
            target = folder / split / row.labels[0] / Path(row.name).name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(row.source.read())
    return folder


def environment(cache: Path) -> dict[str, str]:
    return {
        **os.environ,
        "KERAS_HOME": str(SHARED / "keras_home"),
        "SIGHTLINE_CACHE": str(cache),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def timed(command: Sequence[str], environment: Mapping[str, str]) -> tuple[float, str]:
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr[-4000:]}")
    return time.perf_counter() - began, done.stdout


def run_tutorial(data: Path, resplit: int, epochs: int) -> dict[str, Any]:
    answers = data.with_suffix(".json")
    runner = Path(__file__).with_name("tutorial.py")
    command = [sys.executable, str(runner), str(answers), str(TUTORIAL), str(data), str(epochs)]
    _, output = timed(command, environment(data.with_suffix(".cache")))
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    right = json.loads(answers.read_text())
    row = {"what": "tutorial", "resplit": resplit, "seed": 0, "seconds": lines[-1]["wall_s"]}
    return tell({**row, "accuracy": lines[-1]["test"], "right": right, "epochs": lines[:-1]})


def run_sightline(
    data: Path, resplit: int, seed: int, efforts: Sequence[str]
) -> list[dict[str, Any]]:
    cache = data.with_suffix(".cache")
    bundle = data.with_suffix(".sightline")
    rows = []
    for what in efforts:
        if what != "quick, another head":  # the one run that may find the others' caches
            shutil.rmtree(cache, ignore_errors=True)
        cache.mkdir(exist_ok=True)
        program = [sys.executable, "-m", "sightline"]
        command = [*program, "train", str(data), "--save", str(bundle), "--overwrite", "--json"]
        command += ["--seed", str(seed)]
        seconds, output = timed([*command, *EFFORTS[what]], environment(cache))
        right = right_answers(bundle, data, cache)
        row = {"what": what, "resplit": resplit, "seed": seed, "seconds": seconds, "right": right}
        validation = json.loads(output)["validation_accuracy"]["value"]
        accuracy = statistics.fmean(right.values())
        rows.append(tell({**row, "accuracy": accuracy, "validation": validation}))
    return rows


def right_answers(bundle: Path, data: Path, cache: Path) -> dict[str, bool]:
    """Return which test images the saved file answers right, by a command of its own."""
    answers = data.with_suffix(".csv")
    program = [sys.executable, "-m", "sightline"]
    command = [*program, "predict", str(bundle), str(data / "test"), "--save", str(answers)]
    timed([*command, "--overwrite"], environment(cache))
    with answers.open(newline="") as stream:
        names = {Path(row["name"]): row["answer"] for row in csv.DictReader(stream)}
    return {f"{name.parent.name}/{name.name}": a == name.parent.name for name, a in names.items()}


def tell(row: dict[str, Any]) -> dict[str, Any]:
    shown = f"resplit {row['resplit']} seed {row['seed']} {row['what']}"
    print(f"{shown:<40} {row['seconds']:7.1f} s  accuracy {row['accuracy']:.4f}", flush=True)
    return row


def report(results: Sequence[Mapping[str, Any]]) -> None:
    baseline = {row["resplit"]: row for row in results if row["what"] == "tutorial"}
    print(f"\n{'':<20} {'accuracy':>8} {'range':>13} {'seconds':>8} {'of tutorial':>11}  gain")
    for what in ("tutorial", *EFFORTS):
        rows = [row for row in results if row["what"] == what]
        if not rows:
            continue
        accuracy = [row["accuracy"] for row in rows]
        share = statistics.median(r["seconds"] / baseline[r["resplit"]]["seconds"] for r in rows)
        seconds = statistics.median(row["seconds"] for row in rows)
        spread = f"{min(accuracy):.3f}-{max(accuracy):.3f}"
        line = f"{what:<20} {statistics.fmean(accuracy):>8.4f} {spread:>13} {seconds:>8.1f}"
        print(f"{line} {share:>11.3f}  {gain(rows, baseline) if what != 'tutorial' else ''}")


def gain(rows: Sequence[Mapping[str, Any]], baseline: Mapping[int, Mapping[str, Any]]) -> str:
    """Return the paired gain in accuracy over the tutorial with its 95 % interval."""
    before, after, images, runs = [], [], [], []
    for row in rows:
        for name, right in row["right"].items():
            before.append(baseline[row["resplit"]]["right"][name])
            after.append(right)
            images.append(name)
            runs.append((row["resplit"], row["seed"]))
    return str(paired_gain(np.array(before), np.array(after), images=images, runs=runs))


if __name__ == "__main__":
    main()

"""CIFAR-10 from scratch: accuracy against seconds, beside the usual tutorial network.

    python benchmarks/cifar.py OUTPUT.json [--plot cifar.png] [--epochs 0 1 4 8 9]

The tutorial runs once for six epochs; its clock begins after its imports, and it is judged on
the test images after each epoch. Sightline is run anew, with empty caches, for each number of
epochs, and each run is one point: the whole command, importing, reading 60,000 files, training,
converting, verifying, measuring and saving. 0 stands for one epoch of a smaller network on
images of 16 x 16. Settings were chosen on validation images.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

SHARED = Path(os.environ.get("SIGHTLINE_SHARED", "../shared")).resolve()
TUTORIAL = SHARED / "baselines" / "tutorial_scratch.py"
SETTINGS = (
    *("--weights", "none", "--backbone", "small_cnn", "--augment", "shift", "--flip"),
    *("--optimizer", "muon", "--precision", "bfloat16", "--split", "0.98,0.01,0.01"),
)
"""A hundredth of the images is for validation: all that it does is choose among epochs."""
WHOLE = (
    *("--image-size", "32", "--grow-from", "0.75"),
    *("--batch-size", "256", "--tta", "flip"),
)
SHORTEST = (
    *("--image-size", "16", "--batch-size", "512", "--learning-rate", "0.2"),
    *("--option", "widths=[48,96,192]", "--option", "stem_width=24"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="where all figures go, as JSON")
    parser.add_argument("--plot", type=Path, help="where the plot goes")
    parser.add_argument("--epochs", type=int, nargs="+", default=[0, 1, 4, 8, 9])
    parser.add_argument("--tutorial-epochs", type=int, default=6)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = unpack(Path(folder))
        results = {
            "tutorial": run_tutorial(data, arguments.tutorial_epochs),
            "sightline": [run_sightline(data, epochs) for epochs in arguments.epochs],
        }
    arguments.output.write_text(json.dumps(results, indent=1))
    report(results)
    if arguments.plot:
        plot(results, arguments.plot)


def unpack(folder: Path) -> Path:
    with tarfile.open(SHARED / "data" / "cifar10.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return next(path.parent for path in folder.rglob("train") if path.is_dir())


def run_tutorial(data: Path, epochs: int) -> list[dict[str, Any]]:
    command = [sys.executable, str(TUTORIAL), str(data), str(epochs), "32"]
    output = run(command, os.environ)
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [
        tell({"what": f"tutorial, {n} epochs", "seconds": line["wall_s"], "accuracy": line["val"]})
        for n, line in enumerate(lines[:-1], start=1)
    ]


def run_sightline(data: Path, epochs: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as cache:
        bundle = Path(cache) / "cifar.sightline"
        command = [sys.executable, "-m", "sightline", "train", str(data), "--save", str(bundle)]
        command += [*SETTINGS, *(WHOLE if epochs else SHORTEST)]
        command += ["--epochs", str(epochs or 1), "--json"]
        began = time.perf_counter()
        output = run(command, {**os.environ, "SIGHTLINE_CACHE": cache})
        seconds = time.perf_counter() - began
    document = json.loads(output)
    what = f"{epochs} epochs" if epochs else "shortest"
    row = {"what": f"Sightline, {what}", "seconds": seconds}
    return tell({**row, **{name: document[name]["value"] for name in ("accuracy",)}})


def run(command: Sequence[str], environment: Mapping[str, str]) -> str:
    quiet = {**environment, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=quiet, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr[-4000:]}")
    return done.stdout


def tell(row: dict[str, Any]) -> dict[str, Any]:
    print(f"{row['what']:<22} {row['seconds']:7.1f} s  accuracy {row['accuracy']:.4f}", flush=True)
    return row


def report(results: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    last = results["tutorial"][-1]
    print(f"\n{'':<22} {'of the tutorial':>16}  accuracy over it")
    for row in results["sightline"]:
        share = row["seconds"] / last["seconds"]
        print(f"{row['what']:<22} {share:>16.3f}  {row['accuracy'] - last['accuracy']:+.4f}")


def plot(results: Mapping[str, Sequence[Mapping[str, Any]]], path: Path) -> None:
    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    for name, style in (("tutorial", "o--"), ("sightline", "s-")):
        rows = results[name]
        axes.plot(
            [row["seconds"] for row in rows],
            [row["accuracy"] for row in rows],
            style,
            label={"tutorial": "tutorial network, by epoch", "sightline": "Sightline, whole runs"}[
                name
            ],
        )
    axes.set(xlabel="seconds", ylabel="accuracy on 10,000 test images", xlim=(0, None))
    axes.set_title("CIFAR-10 from scratch on two CPU cores")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()

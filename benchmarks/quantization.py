"""What 8 bits and pruned weights cost in right answers, and what they save.

    sightline compress clothing.sightline clothing --method int8 --save int8.sightline
    sightline compress clothing.sightline clothing --method magnitude --save half.sightline
    python benchmarks/quantization.py clothing.sightline clothing --trained int8.sightline \
        --pruned half.sightline [--on test]

Rows are the model in float; in 8 bits as it is, its ranges from 200 training images; the model
that was trained for 8 bits, in float and in 8 bits; and pruned ones in float. Each is held against
the first on the same images: accuracy, the paired difference with its interval, the share of equal
answers. Latency is the processor time of one image in LiteRT in one thread, every model in turn,
the median of all turns: a ratio, not a figure of its own. Sizes are of the LiteRT file, as it is
and gzipped.
"""

from __future__ import annotations

import argparse
import gzip
import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from sightline.dataset import Dataset, Row
from sightline.dataset.record import splits_on_record
from sightline.evaluation import compare
from sightline.exporting import FORMATS, Material, export_bundle
from sightline.images import load
from sightline.inference import LiteRTRunner, Runner, predictions_of
from sightline.inference.exported import open_export
from sightline.machine import threads
from sightline.models.bundle import Bundle, read_bundle

LITERT = FORMATS["litert"]
TURNS = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--trained", type=Path, help="trained for 8 bits")
    parser.add_argument("--pruned", type=Path, nargs="*", default=[])
    parser.add_argument("--on", default="validation", choices=("validation", "test"))
    given = parser.parse_args()
    source = read_bundle(given.bundle)
    dataset = Dataset.from_folder(given.data)
    known = splits_on_record(source.record())
    parts = [known.get(content.digest) for content in dataset.contents()]
    rows = [row for row, part in zip(dataset.rows, parts, strict=True) if part == given.on]
    samples = [row for row, part in zip(dataset.rows, parts, strict=True) if part == "train"]
    few = [samples[place] for place in np.linspace(0, len(samples) - 1, 200).round().astype(int)]
    runners: dict[str, tuple[Runner, bytes]] = {
        "float": (LiteRTRunner(source, threads=1), source.twin()),
        "8 bits": in_8_bits(source, few),
    }
    if given.trained:
        trained = read_bundle(given.trained)
        runners["trained for 8 bits, float"] = LiteRTRunner(trained, threads=1), trained.twin()
        runners["trained for 8 bits, 8 bits"] = in_8_bits(trained, few)
    for path in given.pruned:
        pruned = read_bundle(path)
        runners[f"{path.stem}, float"] = LiteRTRunner(pruned, threads=1), pruned.twin()
    print(f"{len(rows)} {given.on} images, {threads()} cores, load {os.getloadavg()[0]:.1f}")
    report(runners, rows, pixels(rows, source))


def pixels(rows: Sequence[Row], bundle: Bundle) -> np.ndarray:
    return np.stack([load(row.source, bundle.preprocessing).pixels for row in rows])


def in_8_bits(bundle: Bundle, samples: Sequence[Row]) -> tuple[Runner, bytes]:
    seen = pixels(samples, bundle)
    precision = LITERT.precisions["int8"]
    export = export_bundle(bundle, LITERT, precision, Material(samples=lambda: iter(seen)))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "int8.tflite"
        export.write(path)
        return open_export(path, threads=1), path.read_bytes()


def report(runners: dict[str, tuple[Runner, bytes]], rows: Sequence[Row], seen: np.ndarray) -> None:
    names, labels = [row.name for row in rows], [row.labels for row in rows]
    groups = [row.group for row in rows]
    answers = {
        name: predictions_of(runner, names, runner.run(seen))
        for name, (runner, _) in runners.items()
    }
    times = latencies([runner for runner, _ in runners.values()], seen[:1])
    first = next(iter(answers.values()))
    for (name, given), took in zip(answers.items(), times, strict=True):
        content = runners[name][1]
        comparison = compare(first, given, labels, groups=groups)
        alike = np.mean(given.probabilities.argmax(1) == first.probabilities.argmax(1))
        print(
            f"{name}: accuracy {comparison.after}; gain {comparison.gain}; "
            f"same answers {alike:.4f}; {1e3 * took:.2f} ms ({times[0] / took:.2f} times as fast); "
            f"{len(content) / 1e6:.2f} MB, gzipped {len(gzip.compress(content, 9)) / 1e6:.2f} MB"
        )
    if "trained for 8 bits, 8 bits" in answers:
        pair = answers["8 bits"], answers["trained for 8 bits, 8 bits"]
        print(
            "trained against plain, both in 8 bits: gain",
            compare(*pair, labels, groups=groups).gain,
        )


def latencies(runners: Sequence[Runner], image: np.ndarray) -> list[float]:
    """Return the median seconds of processor time for one image of each, measured in turns."""
    took: list[list[float]] = [[] for _ in runners]
    for turn in range(TURNS + 5):
        for runner, own in zip(runners, took, strict=True):
            began = time.process_time()
            runner.run(image)
            if turn >= 5:
                own.append(time.process_time() - began)
    return [statistics.median(own) for own in took]


if __name__ == "__main__":
    main()

"""Do the maps show what the answer hangs on? Cover what they mark, and ask the model again.

    python benchmarks/explanation.py MODEL.sightline [--photos 100]

For photos of the clothing test set, spread over it evenly: the fifth of the pixels that a map
marks most is covered, and the probability of the answer falls. The same area is covered by
two rivals: squares at random (mean of four draws), and the fifth that the method marks on
another photo, which knows where garments usually lie and nothing of this one. What covers
is the photo's mean colour or the photo blurred, as one of them is what occlusion or integrated
gradients begin from. Prints the mean fall of each and the paired difference with its interval,
seconds for each map, and for a few photos the check against random weights.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path

import numpy as np

from sightline.dataset import Dataset
from sightline.evaluation import paired_gain
from sightline.explanation import (
    METHODS,
    Heatmap,
    Subject,
    heatmaps,
    random_models,
    sanity_check,
)
from sightline.explanation.baselines import BASELINES
from sightline.explanation.sanity import RandomModels
from sightline.models.bundle import read_bundle

SHARED = Path(os.environ.get("SIGHTLINE_SHARED", "../shared")).resolve()
AREA = 0.2
DRAWS = 4
SQUARES = 7  # along a side, of the random rival


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--photos", type=int, default=100)
    parser.add_argument("--split", default="test")
    parser.add_argument("--sanity", type=int, default=3, help="photos to check, 0 for none")
    parser.add_argument("--methods", nargs="*", default=list(METHODS))
    parser.add_argument("--option", nargs="*", default=[], help="NAME=VALUE of the methods")
    arguments = parser.parse_args()
    options = dict(word.split("=") for word in arguments.option)
    photos = Dataset.from_folder(SHARED / "data" / "clothing" / arguments.split)
    places = np.linspace(0, len(photos) - 1, arguments.photos).round().astype(int)
    subject = Subject.of_bundle(read_bundle(arguments.model))
    for name in arguments.methods:
        maps, seconds = [], []
        for place in places:
            began = time.perf_counter()
            source = photos.rows[place].source
            maps += [next(heatmaps(subject, source, method=METHODS[name], options=options))]
            seconds.append(time.perf_counter() - began)
        print(f"{name}: {len(maps)} photos, {statistics.median(seconds):.2f} s each", flush=True)
        for fill in ("mean", "blurred"):
            report(subject, maps, fill)
    if arguments.sanity:
        models = random_models(subject)
        for name in arguments.methods:
            check(subject, models, photos, places[:: -(-len(places) // arguments.sanity)], name)


def report(subject: Subject, maps: list[Heatmap], fill: str) -> None:
    marked = [most(heatmap.coarse()) for heatmap in maps]
    own = falls(subject, maps, marked, fill)
    rivals = {
        "random squares": np.mean(
            [falls(subject, maps, random_masks(maps, seed), fill) for seed in range(DRAWS)], axis=0
        ),
        "another photo's map": falls(subject, maps, marked[1:] + marked[:1], fill),
    }
    print(f"  covered by {fill}: the marked fifth {own.mean():.3f}")
    for name, fall in rivals.items():
        print(f"    {name} {fall.mean():.3f}, difference {paired_gain(fall, own)}", flush=True)


def most(values: np.ndarray) -> np.ndarray:
    """Return the fifth of the pixels with the largest values: bool (h, w)."""
    order = np.argsort(-values, axis=None, kind="stable")[: round(AREA * values.size)]
    mask = np.zeros(values.size, bool)
    mask[order] = True
    return mask.reshape(values.shape)


def random_masks(maps: list[Heatmap], seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    masks = []
    for heatmap in maps:
        height, width = heatmap.values.shape
        squares = random.random((SQUARES, SQUARES))
        rows = np.arange(height) * SQUARES // height
        columns = np.arange(width) * SQUARES // width
        masks.append(most(squares[np.ix_(rows, columns)]))
    return masks


def falls(subject: Subject, maps: list[Heatmap], masks: list[np.ndarray], fill: str) -> np.ndarray:
    covered = [
        np.where(mask[..., None], BASELINES[fill](heatmap.pixels), heatmap.pixels)
        for heatmap, mask in zip(maps, masks, strict=True)
    ]
    probabilities = subject.outputs(np.stack(covered)).probabilities
    classes = [subject.runner.classes.index(heatmap.label) for heatmap in maps]
    left = probabilities[np.arange(len(maps)), classes]
    return np.array([heatmap.probability for heatmap in maps]) - left


def check(
    subject: Subject, models: RandomModels, photos: Dataset, places: np.ndarray, name: str
) -> None:
    found, method = [], METHODS[name]
    for place in places:
        heatmap = next(heatmaps(subject, photos.rows[place].source, method=method))
        target = subject.runner.classes.index(heatmap.label)
        pixels = heatmap.pixels
        found += [sanity_check(subject, pixels, target=target, method=method, models=models)]
    for stage, *others in zip(*(one.stages for one in found), strict=True):
        values = [stage.correlation, *(other.correlation for other in others)]
        shown = ", ".join(f"{value:.2f}" for value in values)
        print(f"{name}: {stage.share:.0%} of the layers random: correlation {shown}", flush=True)


if __name__ == "__main__":
    main()

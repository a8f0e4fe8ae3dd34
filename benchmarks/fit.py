"""Which `fit` should be the default: squash, pad or crop? Measured on validation images only.

    python benchmarks/fit.py [--resplits 5]

For each way to make an image fit, all 2,530 clothing photos go through a frozen MobileNetV2
once; on each resplit (near duplicates kept together) a head is fitted on the training part
and judged on the validation part. Test parts are not touched. Prints accuracy and log loss,
and the paired difference to `squash` over the same validation images.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from sightline.batches import ArrayCache
from sightline.dataset import Dataset
from sightline.evaluation import paired_gain
from sightline.files import cache_directory
from sightline.images import Preprocessing
from sightline.models.build import build
from sightline.models.pretrained import load_weights
from sightline.training.features import FrozenBackbone
from sightline.training.head import fit_head
from sightline.training.parts import Part
from sightline.training.recipe import Options, resolve

SHARED = Path(os.environ.get("SIGHTLINE_SHARED", "../shared")).resolve()
FITS = ("squash", "pad", "crop")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--resplits", type=int, default=5)
    arguments = parser.parse_args()
    os.environ.setdefault("KERAS_HOME", str(SHARED / "keras_home"))
    photos = Dataset.from_folder(SHARED / "data" / "clothing").without_splits()
    contents = photos.contents()
    recipe = resolve(Options(effort="quick"), classes=len(photos.classes), task="multi_class")
    model = build(recipe.architecture)
    load_weights(model, recipe.architecture, "imagenet")
    cache = cache_directory()
    backbone = FrozenBackbone(model, recipe.architecture, cache / "graphs")
    losses: dict[str, list[np.ndarray]] = {fit: [] for fit in FITS}
    right: dict[str, list[np.ndarray]] = {fit: [] for fit in FITS}
    images: list[str] = []
    runs: list[int] = []
    for fit in FITS:
        preprocessing = replace(Preprocessing(), fit=fit)
        part = Part.of(photos, contents, classes=photos.classes, preprocessing=preprocessing)
        features = backbone.features(part, ArrayCache(cache / "arrays"), progress=ignore)
        for resplit in range(arguments.resplits):
            training, validation, _ = photos.split(seed=2000 + resplit, contents=contents)
            rows = [positions(photos, chosen) for chosen in (training, validation)]
            loss, answers = judge(features, part.targets, rows, recipe.head_strengths)
            losses[fit].append(loss)
            right[fit].append(answers)
            if fit == FITS[0]:
                images += validation.names
                runs += [resplit] * len(validation)
    report(losses, right, images, runs)


def ignore(done: int, total: int) -> None:
    """Take a report of progress."""


def positions(photos: Dataset, part: Dataset) -> np.ndarray:
    place = {name: index for index, name in enumerate(photos.names)}
    return np.array([place[name] for name in part.names])


def judge(
    features: np.ndarray,
    targets: np.ndarray,
    rows: list[np.ndarray],
    strengths: tuple[float, ...],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the log loss and the rightness of each validation image."""
    training, validation = rows
    head = fit_head(
        (features[training], targets[training], np.ones(len(training), np.float32)),
        (features[validation], targets[validation]),
        task="multi_class",
        strengths=strengths,
    )
    logits = (features[validation] @ head.kernel + head.bias).astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    truth = targets[validation].argmax(axis=1)
    normaliser = np.log(np.exp(logits).sum(axis=1))
    return normaliser - logits[np.arange(len(truth)), truth], logits.argmax(axis=1) == truth


def report(
    losses: dict[str, list[np.ndarray]],
    right: dict[str, list[np.ndarray]],
    images: list[str],
    runs: list[int],
) -> None:
    print(f"{'fit':<8} {'accuracy':>8} {'log loss':>8}   gain over squash (accuracy; log loss)")
    base_right, base_loss = np.concatenate(right["squash"]), np.concatenate(losses["squash"])
    for fit in FITS:
        answers, loss = np.concatenate(right[fit]), np.concatenate(losses[fit])
        better = paired_gain(base_right, answers, images=images, runs=runs)
        lower = paired_gain(base_loss, loss, images=images, runs=runs)
        print(f"{fit:<8} {answers.mean():>8.4f} {loss.mean():>8.4f}   {better}; {lower}")


if __name__ == "__main__":
    main()

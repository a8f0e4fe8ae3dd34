"""What the head is fitted on: which `fit`, which scaling, mirror images too? On validation only.

    python benchmarks/head.py [--resplits 5]

All 2,530 clothing photos go through a frozen MobileNetV2 once for each way to show them; on
each resplit (near duplicates kept together) a head is fitted on the training part and judged
on the validation part. Test parts are not touched. Prints accuracy and log loss, and the
paired differences to the default over the same validation images.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
from sightline.training.recipe import HEAD_STRENGTHS, Options, resolve

SHARED = Path(os.environ.get("SIGHTLINE_SHARED", "../shared")).resolve()


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A way to fit the head; `standardised` undoes the scaling that `fit_head` does."""

    fit: str = "squash"
    mirrored: bool = False
    standardised: bool = False


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Log loss and rightness of each validation image, resplit after resplit."""

    losses: list[np.ndarray] = field(default_factory=list)
    right: list[np.ndarray] = field(default_factory=list)


DEFAULT = "the default"
VARIANTS: Mapping[str, Variant] = {
    DEFAULT: Variant(),
    "--fit pad": Variant(fit="pad"),
    "--fit crop": Variant(fit="crop"),
    "standardised features": Variant(standardised=True),
    "--flip": Variant(mirrored=True),
    "--flip, standardised": Variant(mirrored=True, standardised=True),
}


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
    splits = [
        photos.split(seed=2000 + resplit, contents=contents)[:2]
        for resplit in range(arguments.resplits)
    ]
    answers = {name: Answers() for name in VARIANTS}
    for name, variant in VARIANTS.items():
        preprocessing = replace(Preprocessing(), fit=variant.fit)
        part = Part.of(photos, contents, classes=photos.classes, preprocessing=preprocessing)
        backbone = FrozenBackbone(model, recipe.architecture, preprocessing, cache / "graphs")
        features = backbone.features(
            part, ArrayCache(cache / "arrays"), mirrored=variant.mirrored, progress=ignore
        ).reshape(len(part), 1 + variant.mirrored, -1)
        for split in splits:
            rows = (positions(photos, split[0]), positions(photos, split[1]))
            loss, right = judge(features, part.targets, rows, variant)
            answers[name].losses.append(loss)
            answers[name].right.append(right)
    report(answers, splits)


def ignore(done: int, total: int) -> None:
    """Take a report of progress."""


def positions(photos: Dataset, part: Dataset) -> np.ndarray:
    place = {name: index for index, name in enumerate(photos.names)}
    return np.array([place[name] for name in part.names])


def judge(
    features: np.ndarray, targets: np.ndarray, rows: tuple[np.ndarray, np.ndarray], variant: Variant
) -> tuple[np.ndarray, np.ndarray]:
    """Return the log loss and the rightness of each validation image."""
    training, validation = rows
    learned = features[training].reshape(-1, features.shape[-1])
    judged = features[validation, 0]
    if variant.standardised:
        spread = np.maximum(learned.std(axis=0), 1e-6)
        learned, judged = learned / spread, judged / spread
    head = fit_head(
        (learned, targets[training], np.ones(len(training), np.float32)),
        (judged, targets[validation]),
        task="multi_class",
        strengths=HEAD_STRENGTHS,
    )
    logits = (judged @ head.kernel + head.bias).astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    truth = targets[validation].argmax(axis=1)
    normaliser = np.log(np.exp(logits).sum(axis=1))
    return normaliser - logits[np.arange(len(truth)), truth], logits.argmax(axis=1) == truth


def report(answers: Mapping[str, Answers], splits: list[tuple[Dataset, ...]]) -> None:
    images = [name for _, validation in splits for name in validation.names]
    runs = [run for run, (_, validation) in enumerate(splits) for _ in validation.names]
    base = answers[DEFAULT]
    print(f"{'':<22} {'accuracy':>8} {'log loss':>8}   against the default (accuracy; log loss)")
    for name, given in answers.items():
        pairs = ((base.right, given.right), (base.losses, given.losses))
        gains = [
            paired_gain(np.concatenate(first), np.concatenate(second), images=images, runs=runs)
            for first, second in pairs
        ]
        accuracy, loss = np.concatenate(given.right).mean(), np.concatenate(given.losses).mean()
        print(f"{name:<22} {accuracy:>8.4f} {loss:>8.4f}   {gains[0]}; {gains[1]}")


if __name__ == "__main__":
    main()

"""Features of a frozen backbone: through LiteRT, as training does it, against `tf.function`.

    python benchmarks/features.py [--backbone mobilenet_v2] [--photos 256] [--turns 5]

Both get the same decoded pixels, turn by turn, so that a busy moment meets both; `tf.function`
gets them in batches of 32, which suits it best. Prints the rates, the median of the turns'
ratios, and the largest difference of a feature.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from sightline.batches import ArrayCache
from sightline.dataset import Dataset
from sightline.models.build import build
from sightline.models.parts import embedding_model
from sightline.models.pretrained import load_weights
from sightline.training.features import FrozenBackbone
from sightline.training.parts import Part
from sightline.training.recipe import Options, resolve

SHARED = Path(os.environ.get("SIGHTLINE_SHARED", "../shared")).resolve()
BATCH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", default="mobilenet_v2")
    parser.add_argument("--photos", type=int, default=256)
    parser.add_argument("--turns", type=int, default=5)
    arguments = parser.parse_args()
    if not (SHARED / "data" / "clothing").is_dir():
        raise SystemExit(f"No photos in {SHARED / 'data' / 'clothing'}: set SIGHTLINE_SHARED.")
    os.environ.setdefault("KERAS_HOME", str(SHARED / "keras_home"))
    photos = Dataset.from_folder(SHARED / "data" / "clothing")
    photos = photos.without(photos.names[arguments.photos :])
    options = Options(effort="quick", backbone=arguments.backbone)
    recipe = resolve(options, classes=len(photos.classes), task="multi_class")
    model = build(recipe.architecture)
    load_weights(model, recipe.architecture, "imagenet")
    contents = photos.contents()
    part = Part.of(photos, contents, classes=photos.classes, preprocessing=recipe.preprocessing)
    pixels = part.decode(np.arange(len(part)))
    frozen = FrozenBackbone(model, recipe.architecture, recipe.preprocessing, None)
    ways: dict[str, Callable[[], np.ndarray]] = {
        "LiteRT": lambda: frozen.features(
            part, ArrayCache(None), pixels=pixels, progress=lambda done, total: None
        ),
        "tf.function": by_function(embedding_model(model), pixels),
    }
    compare(ways, arguments.turns)


def by_function(model: keras.Model, pixels: np.ndarray) -> Callable[[], np.ndarray]:
    function = tf.function(lambda batch: model(batch, training=False)["embedding"])

    def run() -> np.ndarray:
        starts = range(0, len(pixels), BATCH)
        return np.concatenate([function(pixels[at : at + BATCH]) for at in starts])

    return run


def compare(ways: dict[str, Callable[[], np.ndarray]], turns: int) -> None:
    features = {name: way() for name, way in ways.items()}  # traced before it is measured
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - began)
    count = len(features["LiteRT"])
    print(f"{count} photos, load {os.getloadavg()[0]:.1f}")
    for name, taken in seconds.items():
        print(f"{name:<12} {count / statistics.median(taken):7.1f} images/s")
    ratios = [
        slow / fast for slow, fast in zip(seconds["tf.function"], seconds["LiteRT"], strict=True)
    ]
    apart = np.abs(features["LiteRT"] - features["tf.function"]).max()
    print(
        f"LiteRT is {statistics.median(ratios):.2f} times as fast; features differ by {apart:.1e}"
    )


if __name__ == "__main__":
    main()

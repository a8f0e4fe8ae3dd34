"""What augmentation costs, and what Keras's layers cost for the same changes in the same run.

    python benchmarks/augmentation.py [--images 256] [--repeats 5]

Prints milliseconds of processor time for each image, summed over all threads: what it takes
of one core. The least of the repeats counts, because other programs only ever add. The
ratio compares rotation, translation, mirroring, brightness and contrast, done by Sightline
and by Keras's preprocessing layers in `tf.data`, batched.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from sightline.batches import PRESETS, Augmentation
from sightline.batches.augmenting import augment_batch

BATCH = 32
FIVE_CHANGES = Augmentation(
    rotation=10, translation=0.1, horizontal_flip=True, brightness=0.1, contrast=0.2
)
CASES = {
    **PRESETS,
    "mirror, whole pixels": Augmentation(horizontal_flip=True, shift_pixels=4),
    "the five changes": FIVE_CHANGES,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=256, help="of 224; at 32, 16 times as many")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    print(f"{'pixels':>6}  {'what':<24} {'ms/image/core':>13} {'images/s/core':>13}")
    for size, count in ((224, arguments.images), (32, 16 * arguments.images)):
        pixels = noise(count, size)
        seconds = {name: sightline(pixels, case) for name, case in CASES.items()}
        seconds["Keras, the five changes"] = keras_layers(pixels)
        # Turn by turn, so that a busy moment meets all of them.
        turns = [
            {name: cost(run) for name, run in seconds.items()} for _ in range(arguments.repeats)
        ]
        best = {name: min(turn[name] for turn in turns) / count for name in seconds}
        for name, each in best.items():
            print(f"{size:>6}  {name:<24} {1e3 * each:>13.4f} {1 / max(each, 1e-9):>13,.0f}")
        ratio = best["Keras, the five changes"] / best["the five changes"]
        print(f"{size:>6}  Keras's layers cost {ratio:.1f} times as much\n")


def noise(count: int, size: int) -> np.ndarray:
    """Return images of noise: uint8 (count, size, size, 3)."""
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def sightline(pixels: np.ndarray, augmentation: Augmentation) -> Callable[[], None]:
    keys = np.arange(len(pixels), dtype=np.uint64)

    def run() -> None:
        for start in range(0, len(pixels), BATCH):
            chosen = slice(start, start + BATCH)
            augment_batch(pixels[chosen], augmentation, seed=0, epoch=0, keys=keys[chosen])

    return run


def keras_layers(pixels: np.ndarray) -> Callable[[], None]:
    five = FIVE_CHANGES
    layers = keras.Sequential(
        [
            keras.layers.RandomRotation(five.rotation / 360, fill_mode="reflect"),
            keras.layers.RandomTranslation(five.translation, five.translation, fill_mode="reflect"),
            keras.layers.RandomFlip("horizontal"),
            keras.layers.RandomBrightness(five.brightness),
            keras.layers.RandomContrast(five.contrast),
        ]
    )
    batches = (
        tf.data.Dataset.from_tensor_slices(pixels)
        .batch(BATCH)
        .map(lambda batch: layers(tf.cast(batch, tf.float32), training=True))
    )

    def run() -> None:
        for _ in batches:
            pass

    run()  # traced before it is measured
    return run


def cost(run: Callable[[], None]) -> float:
    begun = time.process_time()
    run()
    return time.process_time() - begun


if __name__ == "__main__":
    main()

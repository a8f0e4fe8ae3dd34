"""Run by test_step.py with an optimiser's name: MirroredStrategy on two logical CPUs, as JSON."""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from training.conftest import (  # noqa: E402
    Notebook,
    batches,
    examples,
    pictures,
    small_optimisation,
)

from sightline.batches import Batch  # noqa: E402
from sightline.errors import Interrupted  # noqa: E402
from sightline.models import Architecture  # noqa: E402
from sightline.models.build import build  # noqa: E402
from sightline.models.weights import named_weights  # noqa: E402
from sightline.training.determinism import make_deterministic  # noqa: E402
from sightline.training.loop import Run, run_loop  # noqa: E402
from sightline.training.signals import StopRequest  # noqa: E402
from sightline.training.step import Stepper, make_optimizer  # noqa: E402

OPTIMIZER = sys.argv[1]
RATES = {"sgd": 0.05, "muon": 0.02}
PLAIN = Architecture(
    backbone="tutorial_cnn",
    classes=2,
    height=12,
    width=12,
    options={"filters": [4, 8], "dense_units": 8, "dropout": 0.0},
)
NORMALISED = Architecture(
    backbone="small_resnet",
    classes=2,
    height=32,
    width=32,
    dropout=0.5,
    options={"widths": [4, 8], "blocks": 1},
)


def trained(strategy: Any, directory: Path | None = None, stop_at: int | None = None) -> Any:

    with strategy.scope() if strategy else nullcontext():
        keras.utils.set_random_seed(0)
        model = build(PLAIN)
        optimisation = small_optimisation(
            optimizer=OPTIMIZER, learning_rate=RATES[OPTIMIZER], batch_size=24
        )
        stop = StopRequest()

        def at(step: int) -> None:
            if step == stop_at:
                stop.signal_number = 2

        notebook = Notebook(at)
        run = Run(
            model=model,
            trained=model,
            task="multi_class",
            optimisation=optimisation,
            training=batches(optimisation, 73),  # the last batch has one image
            validation=examples(25, seed=1),
            names=[str(number) for number in range(73)],
            identity={},
            directory=directory,
        )
        history = run_loop(run, watcher=notebook, stop=stop)
    return named_weights(model), history


def apart(model: keras.Model) -> float:
    """Return how far the replicas' copies of the weights are from each other."""
    return max(
        float(np.abs(copies[0].numpy() - copies[1].numpy()).max())
        for copies in (weight.value.values for weight in model.weights)
    )


def normalised(strategy: Any) -> tuple[float, float, float]:
    with strategy.scope():
        keras.utils.set_random_seed(0)
        model = build(NORMALISED)
        before = named_weights(model)
        optimizer = make_optimizer(small_optimisation(), model.trainable_variables)
        step = Stepper(model, optimizer, task="multi_class", label_smoothing=0.0)
        pixels, targets = pictures(2)
        pixels = np.repeat(np.repeat(pixels, 3, axis=1), 3, axis=2)[:, :32, :32]
        # The same image for both replicas: only dropout can make the answers differ.
        pair = Batch(pixels=pixels[[0, 0]], targets=targets[[0, 0]], weights=np.ones(2, np.float32))
        rows = step._train(
            *(pair.pixels, pair.targets, pair.weights, pair.targets, 0.0),
            step._draw_seeds((0, 0, 0)),
        )[2].numpy()
        for number in range(3):
            step.train(replace(pair, pixels=pixels, targets=targets), rate=0.1, seed=(number,))
    moving = max(
        float(np.abs(value - before[name]).max())
        for name, value in named_weights(model).items()
        if "moving" in name
    )
    return apart(model), moving, float(np.abs(rows[0] - rows[1]).max())


def main() -> None:
    device = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(device, [tf.config.LogicalDeviceConfiguration()] * 2)
    make_deterministic()
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    one, history = trained(None)
    two, mirrored = trained(strategy)
    with tempfile.TemporaryDirectory() as folder:
        try:
            trained(strategy, Path(folder), stop_at=6)
        except Interrupted:
            resumed, _ = trained(strategy, Path(folder))
    difference, moving, dropout = normalised(strategy)
    told = {
        "replicas": strategy.num_replicas_in_sync,
        "weights": max(float(np.abs(one[name] - two[name]).max()) for name in one),
        "history": max(
            abs(single[name] - double[name])
            for single, double in zip(history, mirrored, strict=True)
            for name in single
            if name != "seconds"
        ),
        "resumed": max(float(np.abs(two[name] - resumed[name]).max()) for name in two),
        "apart": difference,
        "moving": moving,
        "dropout": dropout,
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()

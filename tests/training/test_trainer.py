"""Training from scratch in other precisions, sizes and with other optimisers, as a whole."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from sightline.batches import ArrayCache
from sightline.dataset import Dataset
from sightline.errors import ConfigError, Interrupted
from sightline.files import canonical_json
from sightline.models.weights import named_weights
from sightline.training.parts import Part
from sightline.training.recipe import Options, resolve
from sightline.training.signals import StopRequest
from sightline.training.trainer import Job, Trained, Workplace, train_model

from .conftest import Notebook, pictures

NETWORK = {"widths": [8, 16], "blocks": 1}
MUON = {"optimizer": "muon"}
EVERYTHING = {**MUON, "precision": "bfloat16", "grow_from": 0.5}


def part(count: int, seed: int, recipe) -> Part:
    pixels, targets = pictures(count, seed)
    # 16 pixels are the least that the network takes.
    pixels = np.pad(pixels, ((0, 0), (2, 2), (2, 2), (0, 0)))
    pixels = pixels.repeat(2, axis=1).repeat(2, axis=2)
    dataset = Dataset.from_arrays(pixels, [str(label) for label in targets.argmax(axis=1)])
    return Part.of(
        dataset, dataset.contents(), classes=("0", "1"), preprocessing=recipe.preprocessing
    )


def job(directory: Path, *, stop_at: int | None = None, **options) -> Job:
    chosen = {"backbone_options": NETWORK, "epochs": 4, "batch_size": 16, **options}
    asked = Options(weights="none", effort="quick", image_size=(32, 32), seed=3, **chosen)
    recipe = resolve(asked, classes=2, task="multi_class")
    stop = StopRequest()

    def at_step(done: int) -> None:
        if done == stop_at:
            stop.signal_number = 15

    return Job(
        recipe=recipe,
        classes=("0", "1"),
        training=part(72, 0, recipe),
        validation=part(24, 1, recipe),
        calibration=part(24, 2, recipe),
        identity={"recipe": canonical_json(recipe.to_json())},
        workplace=Workplace(cache=ArrayCache(None), checkpoints=directory),
        watcher=Notebook(at_step),
        stop=stop,
    )


def assert_same_weights(one: Trained, other: Trained) -> None:
    left, right = named_weights(one.model), named_weights(other.model)
    for name, value in left.items():
        assert np.array_equal(value, right[name]), f"{name} differs"


@pytest.mark.parametrize(
    "options",
    [MUON, {**MUON, "precision": "bfloat16"}, {**MUON, "grow_from": 0.5}, EVERYTHING],
)
def test_it_learns(tmp_path: Path, options: dict) -> None:
    before = keras.config.dtype_policy().name
    trained = train_model(job(tmp_path, epochs=8, **options))
    assert max(row["validation_accuracy"] for row in trained.history) > 0.9
    assert keras.config.dtype_policy().name == before
    assert {layer.compute_dtype for layer in trained.model.layers} <= {"float32", "uint8"}


def test_the_model_that_comes_out_is_the_one_that_was_judged(tmp_path: Path) -> None:
    given = job(tmp_path, **EVERYTHING)
    trained = train_model(given)
    pixels = given.validation.decode(np.arange(24))
    answers = trained.model(pixels)["probabilities"].numpy().argmax(axis=1)
    accuracy = (answers == given.validation.targets.argmax(axis=1)).mean()
    best = min(trained.history, key=lambda row: row["validation_loss"])
    # bfloat16 may answer one image in 24 otherwise.
    assert accuracy == pytest.approx(best["validation_accuracy"], abs=1.5 / 24)


def test_test_time_augmentation_leaves_training_as_it_is(tmp_path: Path) -> None:
    given = job(tmp_path / "two", epochs=1, tta="flip")
    plain, both = train_model(job(tmp_path / "one", epochs=1)), train_model(given)
    assert_same_weights(plain, both)
    pixels = given.validation.decode(np.arange(24))
    views = [plain.model(view)["logits"].numpy() for view in (pixels, pixels[:, :, ::-1])]
    found = both.model(pixels)["logits"].numpy()
    np.testing.assert_allclose(found, np.mean(views, axis=0), atol=1e-5)


@pytest.mark.parametrize("stop_at", [2, 5, 12])
def test_everything_at_once_resumes_to_the_same_bits(tmp_path: Path, stop_at: int) -> None:
    undisturbed = train_model(job(tmp_path / "one", **EVERYTHING))
    with pytest.raises(Interrupted):
        train_model(job(tmp_path / "two", stop_at=stop_at, **EVERYTHING))
    assert_same_weights(train_model(job(tmp_path / "two", **EVERYTHING)), undisturbed)


def test_a_network_for_one_size_cannot_grow(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="was made for 32x32") as caught:
        train_model(job(tmp_path, backbone="tutorial_cnn", backbone_options={}, grow_from=0.5))
    assert caught.value.code == "one_size"

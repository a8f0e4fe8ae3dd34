"""Several labels for one image, from the manifest to the evaluation."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightline.dataset import Dataset
from sightline.images import FileSource
from sightline.inference import LiteRTRunner, predict
from sightline.models.bundle import read_bundle
from sightline.workflows.evaluate import evaluate_images, select
from sightline.workflows.training import TrainResult

from .training import CONTINUED, run, tiny

pytestmark = pytest.mark.train

COLOURS = {"blue": (0, 0, 200), "green": (0, 200, 0), "red": (200, 0, 0)}


def write_pictures(folder: Path, kind: str) -> Path:
    """Write pictures with a patch of each colour that is among their labels, and a manifest."""
    rng = np.random.default_rng(3)
    rows = []
    for number in range(120):
        labels = [name for name in COLOURS if rng.random() < 0.5]
        pixels = rng.integers(0, 50, (16, 16, 3))
        for place, (name, colour) in enumerate(COLOURS.items()):
            if name in labels:
                pixels[5 * place : 5 * place + 5] += np.array(colour)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{number}.png")
        rows.append((f"{number}.png", "|".join(labels)))
    path = folder / f"pictures.{kind}"
    if kind == "csv":
        path.write_text("path,label\n" + "".join(f"{name},{label}\n" for name, label in rows))
    else:
        lines = (json.dumps({"path": name, "label": label}) for name, label in rows)
        path.write_text("".join(f"{line}\n" for line in lines))
    return path


@pytest.fixture(scope="module", params=["csv", "jsonl"])
def manifest(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("pictures"), request.param)


@pytest.fixture(scope="module")
def result(manifest: Path) -> TrainResult:
    options = tiny(channels=3, epochs=12, learning_rate=0.05, augment="none")
    return run(manifest, manifest.with_suffix(".sightline"), options=options)


def test_it_is_trained_and_judged_label_by_label(result: TrainResult) -> None:
    assert result.classes == ("blue", "green", "red")
    assert result.recipe.architecture.task == "multi_label"
    assert result.test.task == "multi_label"
    micro = result.test.micro.f1.value
    assert micro is not None and micro > 0.85
    assert result.test.hamming_loss is not None
    rows = result.predictions.probabilities.sum(axis=1)
    assert np.ptp(rows) > 0.1, "sigmoids, not a softmax"
    document = json.loads(json.dumps(result.to_json()))
    assert document["task"] == "multi_label"


def test_the_bundle_says_what_kind_it_is(result: TrainResult) -> None:
    bundle = read_bundle(result.path)
    assert bundle.task == "multi_label"
    assert bundle.rules.thresholds == (0.5, 0.5, 0.5)
    labels = {row.labels for row in bundle.record()}
    assert {(), ("blue", "red")} <= labels


def test_predictions_are_sets_of_labels(result: TrainResult, manifest: Path) -> None:
    runner = LiteRTRunner(read_bundle(result.path))
    image = manifest.parent / "some.png"
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:5] = COLOURS["blue"]
    pixels[10:15] = COLOURS["red"]
    Image.fromarray(pixels).save(image)
    answers = predict(runner, [FileSource(image, "some.png")])
    assert answers.task == "multi_label"
    assert answers.labels == (("blue", "red"),)


def test_it_is_evaluated_again_with_the_same_figures(result: TrainResult, manifest: Path) -> None:
    bundle = read_bundle(result.path)
    dataset = Dataset.open(manifest)
    selection = select(dataset, dataset.contents(), bundle.record(), on="test")
    judged = evaluate_images(LiteRTRunner(bundle), selection)
    assert judged.evaluation.to_json() == result.test.to_json()
    assert selection.relabelled == ()


def test_a_head_is_fitted_for_each_label(result: TrainResult, manifest: Path) -> None:
    target = manifest.parent / "second.sightline"
    options = replace(CONTINUED, head_strengths=(0.01, 1.0))
    second = run(manifest, target, options=options, origin=result.path)
    micro = second.test.micro.f1.value
    assert micro is not None and micro > 0.85
    assert second.recipe.mode == "quick"

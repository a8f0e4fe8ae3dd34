"""The page's own modules, in Node.js, against what they repeat: Pillow's pixels, our answers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from sightline.images import Preprocessing
from sightline.images.preprocessing import INTERPOLATIONS, preprocess_pixels
from sightline.models.familiarity import Familiarity
from sightline.models.rules import Rules
from sightline.predictions import Predictions

from .javascript import run_module

PICTURES = """
import { readFileSync, writeFileSync } from "node:fs";
import { preprocess } from "./preprocess.js";
const cases = JSON.parse(readFileSync("cases.json"));
const bytes = new Uint8Array(readFileSync("pictures"));
let at = 0;
const made = cases.map(({ height, width, preprocessing }) => {
  const data = bytes.subarray(at, at += height * width * 4);
  return preprocess({ data, width, height }, preprocessing);
});
writeFileSync("out", Buffer.concat(made));
"""

SIZES = (1, 2, 3, 5, 8, 13, 17, 31, 32, 33, 48, 64, 65, 97, 100, 130, 224)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_pixels_are_pillows_bit_for_bit(tmp_path: Path, interpolation: str) -> None:
    rng = np.random.default_rng(list(INTERPOLATIONS).index(interpolation))
    pictures, cases, expected = [], [], []
    for number in range(120):
        height, width, rows, columns = (int(rng.choice(SIZES)) for _ in range(4))
        preprocessing = Preprocessing(
            height=rows,
            width=columns,
            channels=(3, 1)[number % 2],
            fit=("squash", "pad", "crop")[number % 3],
            interpolation=interpolation,
            background=(250, 10, 130),
        )
        picture = rng.integers(0, 256, (height, width, 4), np.uint8)
        if number % 4 < 3:
            picture[..., 3] = 255
        pictures.append(picture.tobytes())
        cases.append({"height": height, "width": width, "preprocessing": preprocessing.to_json()})
        expected.append(preprocess_pixels(picture, preprocessing))
    files = {"cases.json": json.dumps(cases).encode(), "pictures": b"".join(pictures)}
    made = np.frombuffer(run_module(tmp_path, PICTURES, files), np.uint8)
    places = np.cumsum([0, *(one.size for one in expected)])
    assert len(made) == places[-1]
    for number, (one, start) in enumerate(zip(expected, places, strict=False)):
        given = made[start : start + one.size].reshape(one.shape)
        assert np.array_equal(given, one), cases[number]


ANSWERS = """
import { readFileSync, writeFileSync } from "node:fs";
import { answerOf, distanceOf, probabilitiesOf } from "./answers.js";
const cases = JSON.parse(readFileSync("cases.json"));
writeFileSync("out", JSON.stringify(cases.map(({ card, logits, distance }) => {
  const probabilities = probabilitiesOf({ logits }, card);
  return { probabilities, ...answerOf(probabilities, distance, card) };
})));
"""

RULES = {
    "one class": ("multi_class", Rules()),
    "unsure": ("multi_class", Rules(unsure_below=(0.6,), unlike_above=0.5)),
    "a class from a probability of its own": (
        "multi_class",
        Rules(positive=("b", 0.2), unsure_below=(0.55,)),
    ),
    "labels": ("multi_label", Rules(thresholds=(0.3, 0.8), unlike_above=0.7)),
    "labels, unsure": ("multi_label", Rules(thresholds=(0.5, 0.5), unsure_below=(0.6, 0.7))),
    "labels, one limit": ("multi_label", Rules(thresholds=(0.5, 0.5), unsure_below=(0.8,))),
}


@pytest.mark.parametrize("name", RULES)
def test_answers_are_those_of_our_rules(tmp_path: Path, name: str) -> None:
    task, rules = RULES[name]
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 2, (100, 2)).astype(np.float32)
    distances = rng.uniform(0, 1, 100).astype(np.float32)
    temperature = [0.8] if task == "multi_class" else [0.8, 1.7]
    card = {
        "classes": ["a", "b"],
        "task": task,
        "rules": rules.to_json(),
        "temperature": temperature,
    }
    cases = [
        {"card": card, "logits": row.tolist(), "distance": float(distance)}
        for row, distance in zip(logits, distances, strict=True)
    ]
    made = json.loads(
        run_module(tmp_path, ANSWERS, {"cases.json": json.dumps(cases).encode()}).decode()
    )
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled)
    probabilities = 1 / (1 + 1 / powers)
    if task == "multi_class":
        probabilities = powers / powers.sum(axis=1, keepdims=True)
    given = np.array([one["probabilities"] for one in made])
    assert np.abs(given - probabilities).max() < 1e-6
    expected = Predictions(
        task=task,
        classes=("a", "b"),
        names=tuple(map(str, range(100))),
        probabilities=given.astype(np.float32),
        distances=distances,
        threshold=rules.threshold(("a", "b")),
        unsure_below=rules.limit(("a", "b")),
        unlike_above=rules.unlike_above,
    )
    assert [one["chosen"] for one in made] == expected.chosen.tolist()
    assert [one["unsure"] for one in made] == expected.unsure.tolist()
    assert [one["unlike"] for one in made] == expected.unlike.tolist()
    for one, answer in zip(made, expected.answers, strict=True):
        if isinstance(answer, tuple):
            assert tuple(one["labels"]) == answer
        elif not one["unlike"]:
            assert one["labels"] == ([] if one["unsure"] else [answer])


DISTANCES = """
import { readFileSync, writeFileSync } from "node:fs";
import { distanceOf, readTensors } from "./answers.js";
const whole = (name) => Uint8Array.from(readFileSync(name)).buffer;
const { reference, embeddings } = readTensors(whole("tensors"));
const [count, width] = embeddings.shape;
const found = Array.from({ length: count }, (_, row) =>
  distanceOf(embeddings.data.slice(row * width, (row + 1) * width), reference));
writeFileSync("out", JSON.stringify(found));
"""


def test_distances_from_the_training_images_are_ours(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    reference = rng.integers(-127, 128, (40, 16)).astype(np.int8)
    reference[7] = 0
    embeddings = rng.normal(0, 3, (20, 16)).astype(np.float32)
    files = {"tensors": save({"reference": reference, "embeddings": embeddings})}
    given = json.loads(run_module(tmp_path, DISTANCES, files))
    expected = Familiarity(reference=reference).distances(embeddings)
    assert given == pytest.approx(expected.tolist(), abs=1e-6)

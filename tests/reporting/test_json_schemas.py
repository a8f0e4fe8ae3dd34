"""What this layer and those below give is held against its schema.

The documents of the commands are held against theirs in tests/cli.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image

from sightline.dataset import Dataset
from sightline.errors import ConfigError, ImageError
from sightline.evaluation import evaluate, mistakes
from sightline.predictions import Predictions
from sightline.reporting import answer_documents, schema, schema_names

NAN = float("nan")


def check(document: Any, name: str) -> None:
    # By way of text: what is checked is what a program on the other side reads.
    text = json.dumps(document, allow_nan=False)
    jsonschema.Draft202012Validator(schema(name)).validate(json.loads(text))


def predictions(task: str = "multi_class", **changes: Any) -> Predictions:
    return Predictions(
        task=task,  # type: ignore[arg-type]
        classes=("cat", "dog", "fox", "owl"),
        names=("a.jpg", "b.jpg", "bad.jpg"),
        probabilities=np.array(
            [(0.7, 0.1, 0.1, 0.1), (0.25, 0.25, 0.25, 0.25), (NAN,) * 4], np.float32
        ),
        errors={2: ImageError("No image.", expected="a JPEG", code="truncated")},
        **changes,
    )


def test_schemas_are_found_by_name() -> None:
    assert {"evaluation", "prediction", "train", "doctor", "error"} <= set(schema_names())
    assert schema("manifest")["$id"] == "urn:sightline:schema:manifest:1.0"
    with pytest.raises(ConfigError, match="Did you mean 'evaluation'"):
        schema("evaluations")


@pytest.mark.parametrize("task", ["multi_class", "multi_label"])
def test_evaluation(task: str) -> None:
    given = predictions(task)
    check(evaluate(given, [("cat",), ("dog",), ("cat",)]).to_json(), "evaluation")
    check(evaluate(given[:0], []).to_json(), "evaluation")


def test_an_evaluation_with_another_key_or_nan_is_refused() -> None:
    document = evaluate(predictions(), [("cat",), ("dog",), ("cat",)]).to_json()
    with pytest.raises(jsonschema.ValidationError):
        check({**document, "score": 1}, "evaluation")
    with pytest.raises(ValueError, match="not JSON compliant"):
        check({**document, "n": NAN}, "evaluation")


@pytest.mark.parametrize("task", ["multi_class", "multi_label"])
@pytest.mark.parametrize("unsure_below", [None, 0.5])
def test_prediction(task: str, unsure_below: float | None) -> None:
    for row in answer_documents(predictions(task, unsure_below=unsure_below)):
        check(row, "prediction")


def test_mistakes_are_those_of_the_schema_of_evaluate() -> None:
    found = mistakes(predictions(), [("dog",), ("dog",), ("cat",)])
    items = schema("evaluate")["properties"]["mistakes"]["items"]
    assert len(found) == 2
    for one in found:
        jsonschema.Draft202012Validator(items).validate(one.to_json())


def test_manifest(tmp_path: Path) -> None:
    for number, name in enumerate(("cat", "dog")):
        (tmp_path / name).mkdir()
        Image.new("RGB", (4, 4), (90 * number,) * 3).save(tmp_path / name / "1.png")
    dataset = Dataset.from_folder(tmp_path)
    dataset.save_manifest(tmp_path / "plain.jsonl")
    dataset.save_manifest(tmp_path / "digests.jsonl", contents=dataset.contents())
    for manifest in tmp_path.glob("*.jsonl"):
        lines = manifest.read_text().splitlines()
        assert len(lines) == 3
        for line in lines:
            check(json.loads(line), "manifest")
    for wrong in ({"path": "cat/1.png"}, {"path": "", "label": "cat"}, {"sightline_manifest": 2}):
        with pytest.raises(jsonschema.ValidationError):
            check(wrong, "manifest")

from __future__ import annotations

import io
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from sightline.batches import ArrayCache
from sightline.conversion import to_litert
from sightline.dataset import Dataset, Row
from sightline.errors import ModelError
from sightline.images import BytesSource, Preprocessing
from sightline.inference.features import FeatureGraph
from sightline.models import Architecture
from sightline.models.build import build
from sightline.models.parts import embedding_model
from sightline.workflows.audit import audit, feature_graph, predict_labels

COLOURS = {"blue": (20, 40, 200), "green": (30, 180, 40), "red": (210, 30, 20)}


def photo(colour: str, seed: int) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 40, (32, 32, 3))
    pixels = np.clip(np.array(COLOURS[colour]) + noise, 0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def photos(*, wrong: int = 2, labels: int = 1) -> Dataset:
    """Return thirty photos of each colour; the first of them have the next colour's label."""
    names = sorted(COLOURS)
    rows = []
    for index in range(90):
        colour = names[index % 3]
        given = names[(index + 1) % 3] if index < wrong else colour
        extra = ("dark",) if labels > 1 else ()
        source = BytesSource(photo(colour, index), f"{index:03}.png")
        rows.append(Row(source=source, labels=(given, *extra)))
    task = "multi_label" if labels > 1 else "multi_class"
    classes = tuple(sorted({label for row in rows for label in row.labels}))
    return Dataset(rows=tuple(rows), classes=classes, task=task)


@pytest.fixture(scope="module")
def graph() -> FeatureGraph:
    keras.utils.set_random_seed(0)
    options = {"filters": [4, 8], "dense_units": 8}
    model = build(
        Architecture(backbone="tutorial_cnn", classes=3, height=16, width=16, options=options)
    )
    content = to_litert(embedding_model(model), outputs=("embedding",)).content
    return FeatureGraph(content, "Identity", Preprocessing(height=16, width=16))


def test_planted_errors_are_found_with_the_graph_and_not_run_without(graph):
    dataset = photos()
    stages = []

    class Stage:
        def __init__(self, label: str) -> None:
            stages.append(label)

        def __enter__(self):
            return lambda done, total: None

        def __exit__(self, *error: object) -> None:
            pass

    audited = audit(dataset, graph=graph, stage=Stage)
    assert stages == ["Reading images", "Computing features"]
    assert audited.findings.of("label_error")[0].paths[:2] in (
        ("000.png", "001.png"),
        ("001.png", "000.png"),
    )
    doubts = audited.doubtful(dataset)
    assert {(doubt.given, doubt.suggested) for doubt in doubts} >= {("green", "blue")}
    assert len(audited.doubtful(dataset, least=0)) == 90
    plain = audit(dataset)
    assert plain.predictions is None and plain.doubtful(dataset) == ()
    assert {"label_error", "outlier"} <= {item.check for item in plain.findings.not_run}


def test_features_are_computed_once(graph, tmp_path, monkeypatch):
    dataset = photos()
    contents = dataset.contents()
    cache = ArrayCache(tmp_path)
    first = predict_labels(dataset, contents, graph, cache=cache)
    monkeypatch.setattr(graph, "_model", None)
    again = predict_labels(dataset, contents, graph, cache=cache)
    np.testing.assert_array_equal(again.probabilities, first.probabilities)
    np.testing.assert_array_equal(again.embeddings, first.embeddings)


def test_broken_and_lonely_images_have_errors(graph):
    dataset = photos(wrong=0)
    extra = (
        Row(source=BytesSource(b"text", "broken.png"), labels=("red",)),
        Row(source=BytesSource(photo("red", 1000), "alone.png"), labels=("purple",)),
    )
    dataset = Dataset(rows=(*dataset.rows, *extra), classes=("blue", "green", "purple", "red"))
    found = predict_labels(dataset, dataset.contents(), graph, cache=ArrayCache(None))
    assert {row: error.code for row, error in found.errors.items()} == {
        90: "not_an_image",
        91: "not_judged",
    }
    assert audit(dataset, graph=graph).findings.of("label_error")[-1].paths == ("alone.png",)


def test_multi_label_data_are_looked_at_for_outliers_only(graph):
    dataset = photos(labels=2)
    audited = audit(dataset, graph=graph)
    not_run = {item.check for item in audited.findings.not_run}
    assert "label_error" in not_run and "outlier" not in not_run
    assert audited.doubtful(dataset) == ()
    np.testing.assert_allclose(
        audited.predictions.probabilities[5], dataset.label_matrix().mean(axis=0)
    )


def test_a_mistyped_backbone_suggests_the_near_one():
    with pytest.raises(ModelError, match="Did you mean 'mobilenet_v2'"):
        feature_graph("mobilnet_v2")


def test_a_bundle_that_is_none_is_refused(tmp_path: Path):
    path = tmp_path / "x.sightline"
    path.write_bytes(b"text")
    with pytest.raises(ModelError, match="not a whole Sightline bundle"):
        feature_graph(str(path))


@pytest.mark.shared
def test_a_backbone_is_converted_once(shared, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(shared / "keras_home"))
    first = feature_graph("mobilenet_v2")
    assert first.width == 1280

    def refuse(reference: str):
        raise AssertionError(f"{reference} was loaded again")

    monkeypatch.setattr("sightline.workflows.audit.load_attribute", refuse)
    assert feature_graph("mobilenet_v2").digest == first.digest

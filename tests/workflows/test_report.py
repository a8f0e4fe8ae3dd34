from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image

import sightline as sl
from sightline.dataset import Row
from sightline.errors import ConfigError, MachineError, ModelError
from sightline.evaluation import evaluate, mistakes
from sightline.files import sha256_bytes, sha256_file
from sightline.images import ArraySource
from sightline.models.bundle import RECORD, read_bundle
from sightline.predictions import Predictions
from sightline.reporting import schema
from sightline.reporting.facts import Facts, Place
from sightline.workflows.audit import audit
from sightline.workflows.data_facts import data_facts
from sightline.workflows.evaluate import Judged, Selection
from sightline.workflows.report import (
    Subject,
    code_digest,
    model_facts,
    report,
    write_report,
)


@pytest.fixture
def judged() -> Judged:
    """Return the answers on three grey images, one of them wrong."""
    rows = tuple(
        Row(source=ArraySource(np.full((20, 30), 60 * k, np.uint8), f"{k}.png"), labels=(label,))
        for k, label in enumerate("aba")
    )
    predictions = Predictions(
        task="multi_class",
        classes=("a", "b"),
        names=tuple(row.name for row in rows),
        probabilities=np.float32([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]]),
    )
    labels = tuple(row.labels for row in rows)
    selection = Selection(
        on="test", rows=rows, seen=7, new=0, other=1, missing=(), relabelled=("1.png",)
    )
    return Judged(
        evaluation=evaluate(predictions, labels),
        selection=selection,
        predictions=predictions,
        labels=labels,
    )


def read(path: Path) -> Any:
    document = json.loads(path.read_text())
    jsonschema.Draft202012Validator(schema("report")).validate(document)
    return document


def test_figures_alone_become_a_page_and_data(judged: Judged, tmp_path: Path) -> None:
    page = sl.report(judged.evaluation, tmp_path / "page.html")
    assert "Right for 2 of 3 images" in page.read_text()
    assert "only figures were given" in page.read_text()
    document = read(report(judged.evaluation, str(tmp_path / "page.json")))
    assert document["evaluation"] == judged.evaluation.to_json()
    assert document["mistakes"] is None


def test_answers_bring_mistakes_with_their_images(judged: Judged, tmp_path: Path) -> None:
    page = report(judged, tmp_path / "page.html").read_text()
    assert "Right for 2 of 3 test images" in page
    assert "Left out, because trained on: 7 images." in page
    assert "Labelled otherwise than on record: 1 image." in page
    # The wrong one among the mistakes and in its cell, the right ones in theirs.
    assert page.count("data:image/jpeg;base64,") == 4
    document = read(report(judged, tmp_path / "page.json"))
    assert document["mistakes"] == [
        one.to_json() for one in mistakes(judged.predictions, judged.labels)
    ]
    assert [cell["names"] for cell in document["cells"]] == [["0.png"], ["2.png"], ["1.png"]]


def test_heatmaps_stand_beside_their_images(judged: Judged, tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (30, 20), (200, 30, 30)).save(stream, "PNG")
    page = report(judged, tmp_path / "page.html", overlays=[("2.png", stream.getvalue())])
    assert page.read_text().count("where the model looked") == 1


def test_what_stands_there_is_kept(judged: Judged, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("mine")
    with pytest.raises(ConfigError, match=r"overwrite=True") as caught:
        report(judged, path)
    assert (caught.value.code, path.read_text()) == ("exists", "mine")
    assert report(judged, path, overwrite=True) == path
    assert path.read_text().startswith("<!doctype html>")
    with pytest.raises(ConfigError) as caught:
        report(judged, tmp_path / "page.pdf")
    assert caught.value.code == "bad_suffix"
    with pytest.raises(ConfigError) as caught:
        report(judged, tmp_path / "absent" / "page.html")
    assert caught.value.code == "no_such_folder"


def test_an_image_that_cannot_be_read_is_only_named(judged: Judged, tmp_path: Path) -> None:
    rows = tuple(
        replace(row, source=replace(row.source, pixels=np.zeros((0, 0), np.uint8)))
        if row.name == "2.png"
        else row
        for row in judged.selection.rows
    )
    broken = replace(judged, selection=replace(judged.selection, rows=rows))
    page = report(broken, tmp_path / "page.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 2
    assert page.count("2.png") >= 2
    assert "not shown" in page


def folder(tmp_path: Path) -> sl.Dataset:
    """Return four pictures in two classes, two of them the same under two labels."""
    for label, level in (("a", 40), ("b", 200)):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for name in ("0", "1"):
            same = name == "0"
            noise = np.random.default_rng(7 if same else level).integers(0, 99, (48, 64, 3))
            Image.fromarray((noise + 40).astype(np.uint8)).save(
                tmp_path / "photos" / label / f"{name}.png"
            )
    return sl.Dataset.from_folder(tmp_path / "photos")


def test_findings_become_a_page_of_the_data(tmp_path: Path) -> None:
    dataset = folder(tmp_path)
    findings = sl.audit(dataset)
    page = sl.report(findings, tmp_path / "findings.html", data=dataset).read_text()
    assert "Sightline audit" in page
    assert "4 images of 2 classes, not divided into splits." in page
    assert "a, undivided" in re.sub("<.*?>", "", page)
    assert page.count("data:image/jpeg;base64,") >= 2, "both copies"
    assert "checks could not run" in page
    assert "Not run: needs the answers of a model" in page
    assert "95 % interval" not in page
    document = json.loads(sl.report(findings, tmp_path / "findings.json", data=dataset).read_text())
    jsonschema.Draft202012Validator(schema("audit")).validate(document)
    assert (document["images"], document["classes"]) == (4, {"a": 2, "b": 2})
    assert document["splits"] == {"undivided": 4}
    assert document["findings"][0]["check"] == "conflict"
    assert document["doubtful_labels"] == []


def test_an_audit_gives_more_than_its_findings(tmp_path: Path) -> None:
    dataset = folder(tmp_path)
    audited = audit(dataset)
    facts = data_facts(audited, dataset, data="photos")
    assert (facts.title, facts.data, facts.splits) == ("photos", "photos", {"undivided": 4})
    assert facts.places["a/0.png"] == Place(labels=("a",), split="undivided")
    assert facts.doubts is None
    page = report(audited, tmp_path / "page.html", data=dataset).read_text()
    assert page.count("<img") == report(facts, tmp_path / "b.html", data=dataset).read_text().count(
        "<img"
    )


def test_findings_without_their_data_are_told_in_words(tmp_path: Path) -> None:
    findings = sl.audit(folder(tmp_path))
    page = sl.report(findings, tmp_path / "findings.html").read_text()
    assert "<img" not in page
    assert "a/0.png" in page
    assert "the figures were given without the data" in page
    document = json.loads(sl.report(findings, tmp_path / "findings.json").read_text())
    jsonschema.Draft202012Validator(schema("audit")).validate(document)


def test_the_code_has_a_digest() -> None:
    assert code_digest() == code_digest()
    assert len(code_digest()) == 64


@pytest.mark.train
@pytest.mark.parametrize(
    "metrics",
    [
        [],
        {"history": 3},
        {"history": ["x"]},
        {"history": [{"epoch": "<script>"}]},
        {"history": [{"epoch": 1, "loss": 1}, {"epoch": 2}]},
        {"history": [{"loss": 1}]},
        {"head": {"strength": 1}},
        {"head": {"strength": None, "trials": []}},
    ],
)
def test_a_model_file_that_tells_nonsense_of_its_training_is_damaged(
    trained: Any, judged: Judged, metrics: Any
) -> None:
    bundle = replace(read_bundle(trained.path), metrics=metrics)
    with pytest.raises(ModelError, match="damaged") as caught:
        model_facts(judged, Subject(bundle=bundle, model=trained.path, data=Path("digits")))
    assert caught.value.code == "damaged_model"


@pytest.mark.train
def test_a_training_leaves_a_report(trained: Any) -> None:
    assert trained.report is not None
    page = trained.report.read_text()
    accuracy = trained.test.accuracy
    assert f"Right for {round(accuracy.value * accuracy.n)} of {accuracy.n} test images" in page
    assert "data:image/jpeg;base64," in page
    assert sha256_file(trained.path) in page
    assert sha256_bytes(read_bundle(trained.path).members[RECORD]) in page
    assert "Trained for 2 epochs" in page
    assert page.count("<section") >= 8


def test_a_report_is_whole_or_not_there(
    judged: Judged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise OSError(28, "No space left on device")

    path = tmp_path / "page.html"
    path.write_text("the last good one")
    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(MachineError, match="No room on the disk"):
        write_report(Facts(title="x", evaluation=judged.evaluation), path)
    assert path.read_text() == "the last good one"
    assert [one.name for one in tmp_path.iterdir()] == ["page.html"]

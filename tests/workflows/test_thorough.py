from __future__ import annotations

import io
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from sightline.dataset import Dataset
from sightline.inference import LiteRTRunner
from sightline.models.bundle import read_bundle
from sightline.reporting.facts import Facts
from sightline.reporting.thumbnails import SIDE
from sightline.workflows.audit import feature_graph
from sightline.workflows.evaluate import Judged, evaluate_images, select
from sightline.workflows.report import Subject, model_facts
from sightline.workflows.thorough import (
    STRESSED,
    audit_subject,
    draw_overlays,
    explainable,
    own_features,
    stress_test,
)

pytestmark = pytest.mark.train


class Stages(list[str]):
    """Notes the pieces of work that are told of."""

    def __call__(self, label: str) -> Any:
        self.append(label)
        return nullcontext(lambda done, total: None)


@pytest.fixture(scope="module")
def looked(trained: Any, all_digits: Path) -> tuple[Subject, Judged, Dataset]:
    bundle = read_bundle(trained.path)
    dataset = Dataset.open(all_digits)
    selection = select(dataset, dataset.contents(), bundle.record(), on="test")
    judged = evaluate_images(LiteRTRunner(bundle), selection)
    return Subject(bundle=bundle, model=trained.path, data=all_digits), judged, dataset


def test_without_features_labels_are_not_examined(looked) -> None:
    subject, judged, dataset = looked
    stages = Stages()
    audited = audit_subject(subject, dataset, dataset.contents(), stage=stages)
    assert stages == []
    assert audited.rows == dataset.rows
    assert audited.suspicions is None
    assert {"label_error", "outlier"} <= {one.check for one in audited.not_run}
    facts = model_facts(judged, audited)
    assert facts.doubts is None and facts.reasons == {}


def test_with_features_doubtful_labels_are_named_with_their_place(looked) -> None:
    subject, judged, dataset = looked
    stages = Stages()
    graph = feature_graph(str(subject.model))
    audited = audit_subject(subject, dataset, dataset.contents(), graph=graph, stage=stages)
    assert stages == ["Computing features"]
    assert audited.suspicions is not None
    assert "label_error" not in {one.check for one in audited.not_run}
    facts = model_facts(judged, audited)
    assert {one.name for one in facts.doubts or ()} <= set(facts.places)
    assert "fine-tuned on these labels" in facts.doubts_by


def test_stress_takes_a_sample_of_the_judged_images(looked) -> None:
    subject, judged, _ = looked
    stages = Stages()
    runner = LiteRTRunner(subject.bundle)
    found = stress_test(runner, judged.selection, stage=stages)
    assert stages == ["Stressing images"]
    assert found.clean.n == min(STRESSED, len(judged.selection.rows))
    assert found.clean.value == judged.evaluation.accuracy.value
    assert len(found.curves) == 7


def test_mistakes_get_heatmaps_of_the_size_of_thumbnails(looked) -> None:
    subject, judged, dataset = looked
    facts = model_facts(judged, subject)
    stages = Stages()
    drawn = draw_overlays(explainable(subject.bundle), facts, dataset.rows, stage=stages)
    assert stages == ["Explaining"]
    assert set(drawn) == {one.name for one in facts.mistakes or ()} != set()
    for png in drawn.values():
        with Image.open(io.BytesIO(png)) as picture:
            assert (picture.format, picture.mode) == ("PNG", "RGB")
            assert max(picture.size) <= SIDE


def test_an_image_that_is_not_given_has_no_heatmap(looked) -> None:
    subject, judged, _ = looked
    facts: Facts = model_facts(judged, subject)
    assert draw_overlays(explainable(subject.bundle), facts, (), stage=Stages()) == {}


def test_a_report_says_whose_features_they_are() -> None:
    head: Any = SimpleNamespace(recipe={"mode": "quick"})
    assert "only its head" in own_features(head)
    for recipe in ({"mode": "standard"}, {"mode": "scratch"}, {}):
        whole: Any = SimpleNamespace(recipe=recipe)
        assert "fewer errors" in own_features(whole)

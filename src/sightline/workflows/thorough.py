"""What a thorough report adds: doubtful labels, worse images, and where the model looked.

Each costs as much again as judging the images, so it is done when it is asked for. Needs no
TensorFlow; with it, heatmaps are Grad-CAM and not occlusion.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import replace

from PIL import Image

from sightline.dataset import Content, Dataset, Row
from sightline.evaluation.stress import Stressed
from sightline.explanation import Heatmap, default_method, explanation_method
from sightline.explanation import Subject as Explainable
from sightline.inference import Runner
from sightline.inference.features import FeatureGraph
from sightline.models.bundle import Bundle
from sightline.reporting.facts import Facts
from sightline.reporting.page import REPORT
from sightline.reporting.thumbnails import SIDE
from sightline.workflows import facts as part
from sightline.workflows.audit import Stage, audit
from sightline.workflows.evaluate import Selection
from sightline.workflows.explain import Question, explain_images
from sightline.workflows.report import Subject
from sightline.workflows.stress import sample_images, stress_images

STRESSED = 200
"""Images that are made worse, at most: seven ways, four degrees each."""
_OVERLAID = ("mistakes", "doubts")


def own_features(bundle: Bundle) -> str:
    """Return the sentence on the features of the model that a report is of."""
    if bundle.recipe.get("mode") == "quick":
        return "The features are the model's own; only its head was trained on these labels."
    return (
        "The features are the model's own. It was fine-tuned on these labels, errors included, so "
        "it sees fewer errors than another network would: `sightline audit DATA --with MODEL`."
    )


def audit_subject(
    subject: Subject,
    dataset: Dataset,
    contents: Sequence[Content],
    *,
    graph: FeatureGraph | None = None,
    stage: Stage,
) -> Subject:
    """Return a subject with what the audit of its data says, with a network also of its labels.

    Args:
        subject: The model.
        dataset: The images.
        contents: Aligned with its rows.
        graph: The model's features, of `workflows.audit.feature_graph`.
        stage: Is told how far the work has come.
    """
    audited = audit(dataset, contents, graph=graph, stage=stage)
    found = audited.findings
    subject = replace(
        subject,
        rows=dataset.rows,
        findings=(*dataset.notices, *found),
        not_run=found.not_run,
    )
    if graph is None:
        return subject
    return replace(
        subject,
        suspicions=part.doubts(audited, dataset),
        features=own_features(subject.bundle),
        reasons=part.unexamined(found),
    )


def stress_test(runner: Runner, selection: Selection, *, stage: Stage) -> Stressed:
    """Return the accuracy on a sample of the images made worse.

    Args:
        runner: The model.
        selection: The images that are judged, with their content.
        stage: Is told how far the work has come.
    """
    pairs = list(zip(selection.rows, selection.contents, strict=True))
    with stage("Stressing images") as progress:
        return stress_images(runner, sample_images(pairs, most=STRESSED), progress=progress)


def explainable(bundle: Bundle) -> Explainable:
    """Return a model that can be asked where it looked, its network opened if that is needed."""
    model = Explainable.of_bundle(bundle)
    if explanation_method(default_method()).needs_gradients:
        model.open()
    return model


def draw_overlays(
    model: Explainable, facts: Facts, rows: Iterable[Row], *, stage: Stage
) -> dict[str, bytes]:
    """Return heatmaps over the images that a page shows largest, as PNG files by name.

    Args:
        model: The model.
        facts: What the page says; mistakes and doubtful labels get heatmaps.
        rows: Where the images are found; one that cannot be decoded has no heatmap.
        stage: Is told how far the work has come.
    """
    images = [name for section in _OVERLAID for name in REPORT.sections[section].names(facts)]
    sources = {row.name: row.source for row in rows}
    wanted = [sources[name] for name in dict.fromkeys(images) if name in sources]
    question = Question(method=explanation_method(default_method()))
    with stage("Explaining") as progress:
        answers = explain_images(model, wanted, question, progress=progress)
        return {one.name: _png(one.heatmaps[0]) for one in answers if one.heatmaps}


def _png(heatmap: Heatmap) -> bytes:
    picture = Image.fromarray(heatmap.overlay())
    picture.thumbnail((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=None)
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()

"""What is known of images and labels alone, as facts for the terminal, JSON or a page.

Apart from `workflows.report`, so that an audit without a page does not load what makes pages.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sightline.auditing import Findings
from sightline.dataset import Dataset
from sightline.files import printable
from sightline.models import BACKBONES
from sightline.reporting.facts import DataFacts
from sightline.workflows import facts as part
from sightline.workflows.audit import Audited


def data_facts(
    audited: Audited, dataset: Dataset | None, *, data: str = "", features: str = ""
) -> DataFacts:
    """Return what is known of images and labels alone.

    Args:
        audited: What the audit found.
        dataset: What was audited; without it, there are neither counts nor doubtful labels.
        data: The data as it was given.
        features: Whose features the audit was given, in a sentence.
    """
    found = audited.findings
    if dataset is None:
        return DataFacts(title="Audit", findings=found.worst_first(), not_run=found.not_run)
    doubts = part.doubts(audited, dataset)
    findings = Findings((*dataset.notices, *found)).worst_first()
    return DataFacts(
        title=Path(data).name or "Audit",
        data=data,
        created=now(),
        reasons=part.unexamined(found),
        splits=part.split_counts(row.split for row in dataset.rows),
        counts=part.class_counts(
            dataset.classes, ((row.labels, row.split) for row in dataset.rows)
        ),
        findings=findings,
        not_run=found.not_run,
        places=part.places(dataset.rows, findings, doubts or ()),
        doubts=doubts,
        doubts_by=features,
    )


def features_of(model: str) -> str:
    """Return the sentence on whose features tell of doubtful labels.

    Args:
        model: A backbone, or a bundle's path, as `workflows.audit.feature_graph` takes it.
    """
    if model in BACKBONES:
        return f"The features are those of {model} with ImageNet weights."
    return (
        f"The features are those of {printable(model)}: if it was fine-tuned on these labels, it "
        "has learned from their errors and sees fewer of them."
    )


def now() -> str:
    """Return the time, UTC, as facts hold it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

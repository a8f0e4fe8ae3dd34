"""Labels that are probably wrong, by answers from which each image was left out."""

from __future__ import annotations

from collections.abc import Iterator

from sightline.auditing.check import Check, Evidence
from sightline.auditing.suspicion import Suspicion, doubtful_labels
from sightline.dataset import Finding
from sightline.dataset.records import counted
from sightline.files import printable

NOT_JUDGED = "not_judged"
"""The code of a prediction's error where a class has too few images to be judged by the others."""

_SHOWN = 3


def find_label_errors(evidence: Evidence) -> Iterator[Finding]:
    """Yield a warning that lists the doubtful labels, the most suspicious first."""
    predictions = evidence.predictions
    if predictions is None:
        return
    found = doubtful_labels(predictions, [row.labels[0] for row in evidence.dataset.rows])
    if found:
        names = tuple(suspicion.name for suspicion in found)
        shown = "; ".join(_said(suspicion) for suspicion in found[:_SHOWN])
        yield Finding(
            check=LABEL_ERROR.name,
            severity="warning",
            message=f"{counted(len(found), 'label looks', 'labels look')} wrong: {shown}"
            f"{'; …' if len(found) > _SHOWN else '.'}",
            paths=names,
            fix="look at them, the most suspicious first, and correct those that are wrong",
            surplus=names,
        )
    missed = tuple(
        predictions.names[row]
        for row, error in predictions.errors.items()
        if error.code == NOT_JUDGED
    )
    if missed:
        yield Finding(
            check=LABEL_ERROR.name,
            severity="info",
            message=f"{counted(len(missed), 'label')} could not be judged: too few other images "
            "of the class.",
            paths=missed,
        )


def _said(suspicion: Suspicion) -> str:
    return (
        f"{printable(suspicion.name)} is {suspicion.given!r}, rather {suspicion.suggested!r} "
        f"({suspicion.wrong:.2f})"
    )


def _obstacle(evidence: Evidence) -> str:
    several = evidence.dataset.task == "multi_label"
    return "only labels of which each image has one can be compared" if several else ""


LABEL_ERROR = Check(
    name="label_error",
    title="labels that are probably wrong",
    find=find_label_errors,
    may_leave_out=True,
    needs="predictions",
    obstacle=_obstacle,
)

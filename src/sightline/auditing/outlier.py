"""Images that look like no class: foreign ones, most often, or a rare kind.

The distance to the nearest class in the features of a network (`auditing.gaussian`), along the
few directions in which images differ most. Along many, some dozen foreign pictures of one kind
would make a direction of their own and hide in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sightline.auditing.check import Check, Evidence
from sightline.auditing.features import principal_components
from sightline.auditing.folds import stratified_folds
from sightline.auditing.out_of_sample import FOLDS, leave_fold_out
from sightline.dataset import Finding
from sightline.dataset.records import counted

FAR = 3.5
"""Of the modified z-score: Iglewicz and Hoaglin 1993, "How to Detect and Handle Outliers"."""

_COMPONENTS = 32
_IMAGES_PER_COMPONENT = 10
_FEWEST = 50
"""Images from which on there is a usual distance to speak of."""
_NORMAL = 0.6745
"""The median absolute deviation of a normal distribution of standard deviation 1."""


def outlier_scores(
    embeddings: np.ndarray, labels: np.ndarray, groups: Sequence[str], *, classes: int
) -> np.ndarray:
    """Return how far each image is from all classes, as a modified z-score.

    Args:
        embeddings: float (n, d); finite where there is a label.
        labels: int64 (n,) from 0 to `classes` - 1; negative for images to leave aside.
        groups: The key of each image; images with the same key are never judged by each other.
        classes: How many; 1 if the images have no single label each.

    Returns:
        float64 (n,): 0 for a usual distance, above `FAR` for outliers; NaN for images that were
        left aside.
    """
    scores = np.full(len(labels), np.nan)
    rows = np.flatnonzero(labels >= 0)
    if len(rows) < _FEWEST:
        return scores
    most = min(_COMPONENTS, len(rows) // _IMAGES_PER_COMPONENT)
    features = principal_components(lambda chosen: embeddings[chosen], rows, most=most)
    folds = stratified_folds(labels[rows], [groups[row] for row in rows.tolist()], folds=FOLDS)
    distances = np.full(len(rows), np.nan)
    for held_out, gaussians in leave_fold_out(features, labels[rows], folds, classes=classes):
        distances[held_out] = np.sqrt(gaussians.distances(features[held_out]).min(axis=1))
    judged = distances[np.isfinite(distances)]
    if not len(judged):
        return scores
    middle = np.median(judged)
    spread = np.median(np.abs(judged - middle))
    if spread > 0:
        scores[rows] = _NORMAL * (distances - middle) / spread
    return scores


def find_outliers(evidence: Evidence) -> Iterator[Finding]:
    """Yield a warning that lists the outliers, the farthest first."""
    predictions = evidence.predictions
    if predictions is None or predictions.embeddings is None:
        return
    dataset = evidence.dataset
    single = dataset.task == "multi_class"
    labels = dataset.label_indices() if single else np.zeros(len(dataset), np.int64)
    labels = np.where(np.isfinite(predictions.embeddings).all(axis=1), labels, -1)
    scores = outlier_scores(
        predictions.embeddings,
        labels,
        evidence.groups.keys,
        classes=len(dataset.classes) if single else 1,
    )
    far = np.flatnonzero(scores > FAR)
    names = tuple(dataset.rows[row].name for row in far[np.argsort(-scores[far], kind="stable")])
    if names:
        yield Finding(
            check=OUTLIER.name,
            severity="warning",
            message=f"{counted(len(names), 'image looks', 'images look')} like no class.",
            paths=names,
            fix="look at them: what does not belong here, leave out",
            surplus=names,
        )


def _obstacle(evidence: Evidence) -> str:
    predictions = evidence.predictions
    lacks = predictions is not None and predictions.embeddings is None
    if lacks:
        return "the predictions come without embeddings"
    return f"needs {_FEWEST} images" if len(evidence.dataset) < _FEWEST else ""


OUTLIER = Check(
    name="outlier",
    title="images that look like no class",
    find=find_outliers,
    may_leave_out=True,
    needs="predictions",
    obstacle=_obstacle,
)

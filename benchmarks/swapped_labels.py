"""Wrong labels planted among real photos, and how many of them the audit puts first.

    python benchmarks/swapped_labels.py [--plantings 20] [--swaps 60] [--looked-at 120]

60 of the 2,530 clothing photos get a wrong label: a random one, or the one their class is most
often taken for. Printed is the share of them among the 120 most suspicious, mean over plantings,
by the audit and by two baselines of one line, both the out-of-sample probability of the given
label: of scikit-learn's logistic regression on the same features (five folds, groups together),
and of the audit's own Gaussians fitted once. Differences are paired over plantings, with 95 %
intervals from their standard error. Real errors of the photos count as mistakes here.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.stats import t as student
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from threadpoolctl import threadpool_limits

from sightline.auditing import doubtful_labels
from sightline.auditing.features import principal_components, square_roots
from sightline.auditing.folds import stratified_folds
from sightline.auditing.out_of_sample import FOLDS, leave_fold_out, out_of_sample
from sightline.batches import ArrayCache
from sightline.dataset import Dataset, content_groups
from sightline.files import cache_directory
from sightline.predictions import Predictions
from sightline.workflows.audit import feature_graph

SHARED = Path(os.environ.get("SIGHTLINE_SHARED", "../shared")).resolve()
STRENGTH = 0.01  # the best out-of-sample log loss on the untouched labels, of 0.003 to 0.3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plantings", type=int, default=20)
    parser.add_argument("--swaps", type=int, default=60)
    parser.add_argument("--looked-at", type=int, default=120)
    parser.add_argument("--first-seed", type=int, default=0)
    arguments = parser.parse_args()
    os.environ.setdefault("KERAS_HOME", str(SHARED / "keras_home"))
    with threadpool_limits(1, "blas"):
        photos = Photos(Dataset.from_folder(SHARED / "data" / "clothing").without_splits())
        for kind, swap in (("random", at_random), ("most confused", to_confused)):
            report(kind, [planted(photos, swap, seed, arguments) for seed in seeds(arguments)])


class Photos:
    """Features, labels and groups, computed once."""

    def __init__(self, dataset: Dataset) -> None:
        contents = dataset.contents()
        sources = [row.source for row in dataset.rows]
        digests = [content.digest for content in contents]
        cache = ArrayCache(cache_directory() / "arrays")
        graph = feature_graph("mobilenet_v2")
        self.features = graph.features(sources, digests, cache)[:][:, 0]
        self.small = principal_components(
            lambda rows: square_roots(self.features[rows]), np.arange(len(dataset))
        )
        self.labels = dataset.label_indices()
        self.groups = content_groups(contents, [row.group for row in dataset.rows]).keys
        self.names, self.classes = dataset.names, dataset.classes
        answers = regression(self, self.labels).argmax(axis=1)
        confusion = np.zeros((len(self.classes),) * 2)
        np.add.at(confusion, (self.labels, answers), 1)
        np.fill_diagonal(confusion, 0)
        self.confused = confusion.argmax(axis=1)


def at_random(photos: Photos, rows: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    size = len(photos.classes)
    return (photos.labels[rows] + generator.integers(1, size, len(rows))) % size


def to_confused(photos: Photos, rows: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return photos.confused[photos.labels[rows]]


def seeds(arguments: argparse.Namespace) -> range:
    return range(arguments.first_seed, arguments.first_seed + arguments.plantings)


def planted(
    photos: Photos, swap: Callable[..., np.ndarray], seed: int, arguments: argparse.Namespace
) -> dict[str, float]:
    """Plant wrong labels and return how each way does."""
    generator = np.random.default_rng(seed)
    rows = generator.choice(len(photos.labels), arguments.swaps, replace=False)
    labels = photos.labels.copy()
    labels[rows] = swap(photos, rows, generator)
    given = np.arange(len(labels)), labels
    ranked = audited(photos, labels)
    flagged = [row for row, wrong in ranked if wrong >= 0.5]
    orders = {
        "audit": [row for row, _ in ranked],
        "regression": np.argsort(regression(photos, labels)[given], kind="stable"),
        "Gaussians": np.argsort(gaussians(photos, labels)[given], kind="stable"),
    }
    found = {
        name: float(np.isin(rows, order[: arguments.looked_at]).mean())
        for name, order in orders.items()
    }
    return found | {
        "flagged": len(flagged),
        "flagged_found": float(np.isin(rows, flagged).mean()),
        "flagged_planted": float(np.isin(flagged, rows).mean()),
    }


def audited(photos: Photos, labels: np.ndarray) -> list[tuple[int, float]]:
    """Return (row, probability of being wrong), the most suspicious first."""
    size = len(photos.classes)
    predictions = Predictions(
        task="multi_class",
        classes=photos.classes,
        names=tuple(map(str, range(len(labels)))),
        probabilities=out_of_sample(photos.small, labels, photos.groups, classes=size),
    )
    doubts = doubtful_labels(predictions, [photos.classes[label] for label in labels], least=0)
    return [(int(doubt.name), doubt.wrong) for doubt in doubts]


def regression(photos: Photos, labels: np.ndarray) -> np.ndarray:
    """Return out-of-sample probabilities of a penalised logistic regression."""
    deviation = photos.features.std(axis=0)  # scaled as `training.head` does
    typical = np.median(deviation)
    scale = np.sqrt(np.maximum(deviation, 1e-3 * typical) * typical)
    scaled = (photos.features - photos.features.mean(axis=0)) / scale
    found = np.zeros((len(labels), len(photos.classes)))
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for learned, judged in folds.split(scaled, labels, photos.groups):
            model = LogisticRegression(C=STRENGTH, max_iter=300, tol=3e-4)
            model.fit(scaled[learned], labels[learned])
            found[judged] = model.predict_proba(scaled[judged])
    return found


def gaussians(photos: Photos, labels: np.ndarray) -> np.ndarray:
    """Return out-of-sample logits, normalised, of Gaussians that were fitted once."""
    size = len(photos.classes)
    folds = stratified_folds(labels, photos.groups, folds=FOLDS)
    logits = np.zeros((len(labels), size))
    for rows, fitted in leave_fold_out(photos.small, labels, folds, classes=size):
        logits[rows] = fitted.logits(photos.small[rows])
    logits *= 0.25  # about what calibration finds
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def report(kind: str, found: list[dict[str, float]]) -> None:
    mean = {name: np.mean([each[name] for each in found]) for name in found[0]}
    print(f"{kind} swaps, {len(found)} plantings", flush=True)
    print(
        "  recall: " + ", ".join(f"{n} {mean[n]:.3f}" for n in ("audit", "regression", "Gaussians"))
    )
    for name in ("regression", "Gaussians"):
        gains = np.array([each["audit"] - each[name] for each in found])
        half = student.ppf(0.975, len(gains) - 1) * gains.std(ddof=1) / np.sqrt(len(gains))
        low, high = gains.mean() - half, gains.mean() + half
        print(f"  audit over {name}: {gains.mean():+.3f} ({low:+.3f} to {high:+.3f})")
    print(
        f"  called probably wrong: {mean['flagged']:.0f}, {mean['flagged_planted']:.3f} of them "
        f"planted; {mean['flagged_found']:.3f} of the planted"
    )


if __name__ == "__main__":
    main()

"""Folds for answers out of sample: each class in each fold, and copies never apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def stratified_folds(labels: np.ndarray, groups: Sequence[str], *, folds: int) -> np.ndarray:
    """Return the fold of each image, int64 (n,) from 0 to `folds` - 1.

    A function of labels and groups alone, with no chance in it. Groups fall one after the other,
    the largest first and equals by their key, into the fold that has least of their classes.

    Args:
        labels: int64 (n,) from 0; negative for images that are in no class.
        groups: The key of each image; images with the same key share a fold.
        folds: How many.
    """
    keys, members = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    classes = int(labels.max(initial=-1)) + 1
    counts = np.zeros((len(keys), classes + 1))
    np.add.at(counts, (members, np.where(labels < 0, classes, labels)), 1)
    shares = counts / np.maximum(counts.sum(axis=0), 1)
    filled = np.zeros((folds, classes + 1))
    chosen = np.zeros(len(keys), np.int64)
    for group in np.argsort(-counts.sum(axis=1), kind="stable"):
        has = counts[group] > 0
        # What a fold has of these classes first; then what it has of all.
        fold = np.lexsort((filled.sum(axis=1), filled[:, has].sum(axis=1).round(9)))[0]
        filled[fold] += shares[group]
        chosen[group] = fold
    return chosen[members]

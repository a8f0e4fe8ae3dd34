from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sightline.auditing.folds import stratified_folds


@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 12)), max_size=60), st.integers(2, 6))
def test_groups_stay_together_in_any_order(pairs, folds):
    labels = np.array([label for label, _ in pairs], np.int64)
    groups = [f"g{group}" for _, group in pairs]
    found = stratified_folds(labels, groups, folds=folds)
    assert found.shape == labels.shape
    assert ((found >= 0) & (found < folds)).all()
    assert len(set(zip(groups, found.tolist(), strict=True))) == len(set(groups))
    order = np.random.default_rng(0).permutation(len(pairs))
    again = stratified_folds(labels[order], [groups[i] for i in order], folds=folds)
    assert (again == found[order]).all()


@given(st.lists(st.integers(0, 3), min_size=1, max_size=80))
def test_single_images_of_a_class_are_spread_evenly(labels):
    labels = np.array(labels)
    found = stratified_folds(labels, [f"{i:03}" for i in range(len(labels))], folds=4)
    for label in np.unique(labels):
        counts = np.bincount(found[labels == label], minlength=4)
        assert counts.max() - counts.min() <= 1

from __future__ import annotations

import numpy as np
import pytest

from sightline.auditing.out_of_sample import confident_labels, leave_fold_out, out_of_sample


def clouds(count: int = 400, *, classes: int = 4, apart: float = 6.0, seed: int = 0):
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    centres = apart * np.eye(classes, 8)
    features = centres[labels] + generator.normal(size=(count, 8))
    return features.astype(np.float32), labels, [f"{i:04}" for i in range(count)]


def test_a_fold_is_judged_by_the_others_alone():
    features, labels, groups = clouds(40)
    folds = np.arange(40) % 5
    changed = features.copy()
    changed[folds == 2] += 100
    for one, other in zip(
        leave_fold_out(features, labels, folds, classes=4),
        leave_fold_out(changed, labels, folds, classes=4),
        strict=True,
    ):
        same = np.allclose(one[1].distances(features), other[1].distances(features))
        assert same == (2 in folds[one[0]])


def test_an_images_own_label_and_its_copies_decide_nothing():
    features, labels, groups = clouds()
    labels[:6] = 1  # six copies of one image of class 0, all wrong
    features[:6] = features[0]
    groups[:6] = ["copies"] * 6
    found = out_of_sample(features, labels, groups, classes=4)
    assert (found[:6].argmax(axis=1) == 0).all()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_right_answers_are_the_rule_and_probabilities_are_calibrated():
    features, labels, groups = clouds(2000, apart=2.0)
    found = out_of_sample(features, labels, groups, classes=4)
    surest = found.max(axis=1)
    right = found.argmax(axis=1) == labels
    for low, high in ((0.4, 0.6), (0.6, 0.8), (0.8, 0.95)):
        chosen = (surest >= low) & (surest < high)
        assert chosen.sum() > 100
        # Images that were contradicted with confidence do not take part in the calibration,
        # so that it comes out a little too sure.
        assert abs(right[chosen].mean() - surest[chosen].mean()) < 0.15


def test_what_has_no_others_is_not_judged():
    features, labels, groups = clouds(80)
    labels[0] = 4
    labels[1] = -1
    labels[2:5], groups[2:5] = 5, ["film"] * 3
    found = out_of_sample(features, labels, groups, classes=6)
    assert np.isnan(found[:5]).all()
    assert np.isfinite(found[5:]).all()


def test_nothing_to_judge():
    nothing = out_of_sample(np.empty((0, 3), np.float32), np.array([], np.int64), [], classes=2)
    assert nothing.shape == (0, 2)
    alone = out_of_sample(np.ones((1, 3), np.float32), np.array([0]), ["a"], classes=2)
    assert np.isnan(alone).all()


def test_confident_labels_by_hand():
    probabilities = np.array(
        [[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.4, 0.6], [0.55, 0.45], [np.nan, np.nan]]
    )
    labels = np.array([0, 0, 0, 1, 1, 1])
    # Thresholds: (0.9 + 0.7 + 0.2) / 3 = 0.6 for class 0, (0.6 + 0.45) / 2 = 0.525 for class 1.
    assert confident_labels(probabilities, labels).tolist() == [0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize("seed", range(3))
def test_wrong_labels_do_not_teach(seed):
    features, labels, groups = clouds(apart=4.0, seed=seed)
    wrong = np.random.default_rng(seed).choice(400, 60, replace=False)
    given = labels.copy()
    given[wrong] = (labels[wrong] + 1) % 4
    found = out_of_sample(features, given, groups, classes=4)
    assert (found.argmax(axis=1) == labels).mean() > 0.95

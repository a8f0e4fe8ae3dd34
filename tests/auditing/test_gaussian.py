from __future__ import annotations

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from sightline.auditing import gaussian
from sightline.auditing.gaussian import SHRINKAGE, Gaussians, Moments


def clouds(count: int, *, classes: int = 4, width: int = 6, seed: int = 0):
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    centres = 2 * generator.normal(size=(classes, width))
    mixing = generator.normal(size=(width, width))
    features = centres[labels] + generator.normal(size=(count, width)) @ mixing
    return features.astype(np.float32), labels


def fitted(features: np.ndarray, labels: np.ndarray, *, classes: int = 4) -> Gaussians:
    return Gaussians(Moments.of(features, labels, np.arange(len(labels)), classes=classes))


def test_probabilities_are_those_of_scikit_learn():
    features, labels = clouds(300)
    logits = fitted(features, labels).logits(features)
    ours = np.exp(logits - logits.max(axis=1, keepdims=True))
    ours /= ours.sum(axis=1, keepdims=True)
    witness = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=SHRINKAGE)
    theirs = witness.fit(features.astype(float), labels).predict_proba(features.astype(float))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_blocks_change_nothing(monkeypatch):
    features, labels = clouds(300)
    whole = Moments.of(features, labels, np.arange(300), classes=4)
    monkeypatch.setattr(gaussian, "BLOCK", 7)
    parts = Moments.of(features, labels, np.arange(300), classes=4)
    np.testing.assert_allclose(parts.sums, whole.sums, rtol=1e-12)
    np.testing.assert_allclose(parts.products, whole.products, rtol=1e-12)


def test_leaving_out_is_never_having_seen():
    features, labels = clouds(300)
    rows = np.arange(300)
    whole = Moments.of(features, labels, rows, classes=4)
    left = whole - Moments.of(features, labels, rows[:90], classes=4)
    anew = Moments.of(features, labels, rows[90:], classes=4)
    assert (left.counts == anew.counts).all()
    np.testing.assert_allclose(
        Gaussians(left).distances(features), Gaussians(anew).distances(features), rtol=1e-9
    )
    again = left + Moments.of(features, labels, rows[:90], classes=4)
    np.testing.assert_allclose(again.products, whole.products, rtol=1e-12)


def test_a_class_without_an_image_is_infinitely_far():
    features, labels = clouds(60)
    gaussians = fitted(features, labels, classes=5)
    assert np.isinf(gaussians.distances(features)[:, 4]).all()
    assert np.isneginf(gaussians.logits(features)[:, 4]).all()


@pytest.mark.parametrize("scale", [0.0, 1e-12])
def test_features_that_do_not_differ_are_no_accident(scale):
    features = np.full((20, 3), scale, np.float32)
    distances = fitted(features, np.arange(20) % 4).distances(features)
    assert np.isfinite(distances).all()

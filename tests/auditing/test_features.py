from __future__ import annotations

import numpy as np
from sklearn.decomposition import PCA

from sightline.auditing import features as module
from sightline.auditing.features import principal_components, square_roots

FEATURES = (np.random.default_rng(0).normal(size=(90, 8)) * np.arange(1, 9)).astype(np.float32)


def rows(indices: np.ndarray) -> np.ndarray:
    return FEATURES[indices]


def test_components_are_those_of_scikit_learn():
    ours = principal_components(rows, np.arange(90), most=3)
    theirs = PCA(3, svd_solver="full").fit_transform(FEATURES.astype(float))
    assert ours.dtype == np.float32 and ours.shape == (90, 3)
    # A component has no sign of its own; float32 keeps seven digits.
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-4)


def test_blocks_change_nothing(monkeypatch):
    whole = principal_components(rows, np.arange(90))
    monkeypatch.setattr(module, "BLOCK", 7)
    np.testing.assert_allclose(
        np.abs(principal_components(rows, np.arange(90))), np.abs(whole), atol=1e-4
    )


def test_only_the_rows_asked_for_count():
    chosen = np.array([3, 4, 80])
    found = principal_components(rows, chosen)
    assert found.shape == (3, 3)
    between = np.linalg.norm(found[0] - found[1])
    np.testing.assert_allclose(between, np.linalg.norm(FEATURES[3] - FEATURES[4]), rtol=1e-5)
    assert principal_components(rows, np.array([], np.int64)).shape == (0, 0)


def test_roots_keep_the_sign():
    assert square_roots(np.array([-4.0, 0.0, 9.0])).tolist() == [-2, 0, 3]

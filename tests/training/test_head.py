from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from sightline.training.head import fit_head


def problem(
    classes: int, n: int = 300, d: int = 12, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    centres = rng.normal(0, 1.2, (classes, d))
    features = centres[labels] + rng.normal(0, 1, (n, d))
    # Features of very different scales, as backbones give them.
    features = features * np.logspace(-2, 2, d) + 5
    return features.astype(np.float32), np.eye(classes, dtype=np.float32)[labels]


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_the_head_is_scikit_learns_on_pareto_scaled_features(classes: int) -> None:
    features, targets = problem(classes)
    weights = np.random.default_rng(1).uniform(0.5, 2, len(features)).astype(np.float32)
    head = fit_head(
        (features, targets, weights), (features, targets), task="multi_class", strengths=[0.1]
    )
    deviation = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / np.sqrt(deviation * np.median(deviation))
    witness = LogisticRegression(C=0.1, max_iter=1000, tol=1e-8)
    witness.fit(scaled, targets.argmax(axis=1), sample_weight=weights)
    expected = witness.predict_proba(scaled)
    logits = features.astype(np.float64) @ head.kernel + head.bias
    given = np.exp(logits - logits.max(axis=1, keepdims=True))
    given /= given.sum(axis=1, keepdims=True)
    # 5e-3: two solvers that stop at different tolerances.
    assert np.abs(given - expected).max() < 5e-3


def test_views_of_an_image_share_its_weight() -> None:
    features, targets = problem(3, n=80)
    weights = np.random.default_rng(1).uniform(0.5, 2, len(features)).astype(np.float32)
    once = fit_head(
        (features, targets, weights), (features, targets), task="multi_class", strengths=[0.1]
    )
    twice = fit_head(
        (np.repeat(features, 2, axis=0), targets, weights),
        (features, targets),
        task="multi_class",
        strengths=[0.1],
    )
    answers = [softmax(features @ head.kernel + head.bias, axis=1) for head in (once, twice)]
    assert np.abs(answers[0] - answers[1]).max() < 5e-3


def test_features_that_hardly_move_get_no_huge_weights() -> None:
    features, targets = problem(3)
    features[:, 0] = 1e-7 * targets[:, 0]  # tells a class, on these images
    features[:, 1] = 4.0
    head = fit_head(
        (features, targets, np.ones(len(features), np.float32)),
        (features, targets),
        task="multi_class",
        strengths=[1.0],
    )
    ordinary = np.abs(head.kernel[2:] * features[:, 2:].std(axis=0)[:, None]).max()
    assert np.abs(head.kernel[0] * 1e-3).max() < ordinary
    assert not head.kernel[1].any()


def test_validation_chooses_the_strength() -> None:
    features, targets = problem(3, n=2120, seed=3)
    strengths = [1e-6, 1e-2, 1e4]
    head = fit_head(
        (features[:120], targets[:120], np.ones(120, np.float32)),
        (features[120:], targets[120:]),
        task="multi_class",
        strengths=strengths,
    )
    losses = {strength: loss for strength, loss, _ in head.trials}
    assert list(losses) == strengths
    assert head.strength == min(losses, key=lambda strength: losses[strength])
    assert head.strength == 1e-2


def test_each_label_of_a_multi_label_problem_has_its_own_sigmoid() -> None:
    features, targets = problem(4)
    targets[:, 1] = targets[:, 0]  # two labels that always come together
    head = fit_head(
        (features, targets, np.ones(len(features), np.float32)),
        (features, targets),
        task="multi_label",
        strengths=[1.0],
    )
    given = features.astype(np.float64) @ head.kernel + head.bias >= 0
    assert np.array_equal(given[:, 0], given[:, 1])
    assert (given == (targets > 0.5)).mean() > 0.95


def test_a_feature_that_never_varies_does_no_harm() -> None:
    features, targets = problem(3)
    features[:, 0] = 7
    head = fit_head(
        (features, targets, np.ones(len(features), np.float32)),
        (features, targets),
        task="multi_class",
        strengths=[1.0],
    )
    assert np.isfinite(head.kernel).all()
    assert head.trials[0][2] > 0.9


def test_a_class_that_no_image_has_is_never_the_answer() -> None:
    features, targets = problem(3)
    wider = np.insert(targets, 1, 0, axis=1)
    head = fit_head(
        (features, wider, np.ones(len(features), np.float32)),
        (features, wider),
        task="multi_class",
        strengths=[0.1],
    )
    alone = fit_head(
        (features, targets, np.ones(len(features), np.float32)),
        (features, targets),
        task="multi_class",
        strengths=[0.1],
    )
    answers = (features @ head.kernel + head.bias).argmax(axis=1)
    assert set(answers) == {0, 2, 3}
    assert np.array_equal(head.kernel[:, [0, 2, 3]], alone.kernel)


def test_images_of_one_class_only_are_answered_with_it() -> None:
    features, _ = problem(3)
    targets = np.tile(np.array([0, 1, 0], np.float32), (len(features), 1))
    ones = np.ones(len(features), np.float32)
    head = fit_head(
        (features, targets, ones), (features, targets), task="multi_class", strengths=[0.1, 1]
    )
    assert set((features @ head.kernel + head.bias).argmax(axis=1)) == {1}


def test_a_label_on_all_images_or_none_is_learned_as_such() -> None:
    features, targets = problem(2)
    labels = np.stack([targets[:, 0], np.ones(len(targets)), np.zeros(len(targets))], axis=1)
    labels = labels.astype(np.float32)
    ones = np.ones(len(features), np.float32)
    head = fit_head(
        (features, labels, ones), (features, labels), task="multi_label", strengths=[0.1]
    )
    given = features @ head.kernel + head.bias > 0
    assert given[:, 1].all()
    assert not given[:, 2].any()
    assert (given[:, 0] == (labels[:, 0] > 0.5)).mean() > 0.9

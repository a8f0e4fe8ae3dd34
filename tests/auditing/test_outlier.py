from __future__ import annotations

import numpy as np
import pytest

from sightline.auditing import audit
from sightline.auditing.outlier import FAR, outlier_scores
from sightline.dataset import Dataset
from sightline.predictions import Predictions


def clouds(count: int = 600, *, foreign: int = 0, seed: int = 0):
    """Return embeddings of four kinds, and after them foreign ones, all with labels."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count + foreign) % 4
    embeddings = 6 * np.eye(4, 40)[labels] + generator.normal(size=(count + foreign, 40))
    embeddings[count:] = 9 * generator.normal(size=(foreign, 40))
    groups = [f"{i:04}" for i in range(count + foreign)]
    return embeddings.astype(np.float32), labels, groups


@pytest.mark.parametrize("seed", range(5))
def test_one_kind_of_image_raises_hardly_an_alarm(seed):
    scores = outlier_scores(*clouds(seed=seed), classes=4)
    assert (scores > FAR).mean() <= 0.005
    assert abs(np.median(scores)) < 1e-6


def test_foreign_images_are_found():
    scores = outlier_scores(*clouds(foreign=12), classes=4)
    assert (scores[600:] > FAR).mean() > 0.9
    assert (scores[:600] > FAR).mean() <= 0.005


def test_a_wrong_label_makes_no_outlier():
    embeddings, labels, groups = clouds()
    labels[:5] = (labels[:5] + 1) % 4
    assert not (outlier_scores(embeddings, labels, groups, classes=4)[:5] > FAR).any()


def test_what_has_no_label_is_left_aside():
    embeddings, labels, groups = clouds()
    labels[:7], embeddings[:7] = -1, np.nan
    scores = outlier_scores(embeddings, labels, groups, classes=4)
    assert np.isnan(scores[:7]).all() and np.isfinite(scores[7:]).all()


@pytest.mark.parametrize("count", [0, 5, 40])
def test_few_or_equal_images_have_no_outliers(count):
    scores = outlier_scores(
        np.ones((count, 3), np.float32), np.zeros(count, np.int64), ["a"] * count, classes=1
    )
    assert not (scores > FAR).any()


@pytest.mark.parametrize("several", [False, True])
def test_the_farthest_come_first(several):
    embeddings, labels, _ = clouds(300, foreign=3)
    embeddings[301] *= 2
    pixels = np.random.default_rng(0).integers(0, 256, (303, 8, 8, 3), dtype=np.uint8)
    names = [("abcd"[i],) if several else "abcd"[i] for i in labels]
    dataset = Dataset.from_arrays(pixels, names)
    given = Predictions(
        task=dataset.task,
        classes=dataset.classes,
        names=dataset.names,
        probabilities=dataset.label_matrix(),
        embeddings=embeddings,
    )
    (found,) = audit(dataset, predictions=given).of("outlier")
    assert found.severity == "warning"
    assert found.paths[0] == dataset.names[301]
    assert set(dataset.names[300:]) <= set(found.paths)
    assert found.surplus == found.paths

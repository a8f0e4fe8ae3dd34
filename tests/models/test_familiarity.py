from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from sightline.errors import ModelError
from sightline.models.familiarity import MOST_REFERENCES, Familiarity, references, unlike_limit


def embeddings(n: int, d: int = 40, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).gamma(1, 2, (n, d)).astype(np.float32)


def test_the_distance_is_the_cosine_distance_from_the_third_nearest():
    training, asked = embeddings(300), embeddings(1_500, seed=1)
    familiarity = Familiarity.of(training)
    assert familiarity is not None
    expected = np.sort(cdist(asked, training, "cosine"), axis=1)[:, 2]
    # 127 levels of each number.
    np.testing.assert_allclose(familiarity.distances(asked), expected, atol=3e-3)
    assert familiarity.distances(asked).dtype == np.float32
    assert familiarity.distances(asked[:0]).shape == (0,)


def test_only_directions_count():
    familiarity = Familiarity.of(embeddings(50))
    assert familiarity is not None
    asked = embeddings(5, seed=2)
    np.testing.assert_allclose(
        familiarity.distances(asked), familiarity.distances(1000 * asked), atol=1e-5
    )


def test_one_copy_in_the_training_data_does_not_make_an_image_familiar():
    rng = np.random.default_rng(3)
    training = np.float32([1, 0, 0, 0]) + rng.normal(0, 0.05, (50, 4)).astype(np.float32)
    stranger = np.float32([[0, 0, 1, 0]])
    familiarity = Familiarity.of(np.concatenate([training, stranger]))
    assert familiarity is not None
    assert familiarity.distances(stranger)[0] > 0.5


def test_zeros_are_near_nothing_and_no_error():
    familiarity = Familiarity.of(np.concatenate([embeddings(10), np.zeros((1, 40), np.float32)]))
    assert familiarity is not None
    assert familiarity.distances(np.zeros((1, 40), np.float32))[0] == 1


@pytest.mark.parametrize(
    "reference",
    [
        np.ones((9, 4), np.float32),
        np.ones((2, 4), np.int8),
        np.ones(9, np.int8),
        np.zeros((9, 4), np.int8),
    ],
)
def test_a_damaged_reference_is_refused(reference):
    with pytest.raises(ModelError, match="reference embeddings"):
        Familiarity(reference=reference)


def test_two_images_are_too_few_and_zeros_are_no_embeddings():
    assert Familiarity.of(embeddings(2)) is None
    assert Familiarity.of(np.zeros((9, 4), np.float32)) is None


def test_references_come_from_all_classes_and_not_from_the_order_of_the_rows():
    labels = [("common",)] * 3_000 + [("rare",)] * 40 + [("b", "a")] * 700
    digests = [f"{index * 7919 % 10_007:064x}" for index in range(len(labels))]
    chosen = references(labels, digests)
    assert len(chosen) == len(set(chosen)) == MOST_REFERENCES
    counts = Counter(labels[row] for row in chosen)
    assert counts == {("rare",): 40, ("common",): 480, ("b", "a"): 480}
    turned = references(labels[::-1], digests[::-1])
    assert {digests[row] for row in chosen} == {digests[::-1][row] for row in turned}


def test_the_limit_keeps_false_alarms_rare():
    rng = np.random.default_rng(4)
    shares = []
    for _ in range(200):
        limit, promised = unlike_limit(rng.random(250).astype(np.float32)) or (0.0, 0.0)
        assert promised == pytest.approx(2 / 251)
        shares.append(1 - limit)
    assert np.mean(shares) == pytest.approx(2 / 251, abs=0.002)
    few = unlike_limit(rng.random(30).astype(np.float32))
    assert few is not None and few[1] == pytest.approx(1 / 31)
    assert unlike_limit(rng.random(29).astype(np.float32)) is None

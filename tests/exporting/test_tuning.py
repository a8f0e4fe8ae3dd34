"""What images show of tensors, and which range a tensor gets."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.exporting.tuning import TensorStatistics, over_images


def test_nearly_all_images_fit_and_an_odd_one_does_not_count() -> None:
    same = TensorStatistics(low=0, high=1, means=np.zeros(1))
    usual = [
        TensorStatistics(low=-number / 100, high=number, means=np.array([number, 1.0]))
        for number in range(100)
    ]
    odd = TensorStatistics(low=-1000, high=1e6, means=np.array([50, 1.0]))
    found = over_images(["a", "b"], [[one, same] for one in [*usual, odd]])
    assert (found["a"].low, found["a"].high) == pytest.approx((-0.95, 95))
    assert found["a"].means == pytest.approx([49.5, 1], abs=0.01)
    assert (found["b"].low, found["b"].high) == (0, 1)


def test_no_image_shows_nothing() -> None:
    with pytest.raises(ValueError, match="no samples"):
        over_images(["a"], [])


def test_means_are_those_of_channels() -> None:
    values = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    last, second = TensorStatistics.of(values), TensorStatistics.of(values, channels=1)
    assert last.means == pytest.approx([10, 11, 12, 13])
    assert second.means == pytest.approx([5.5, 17.5])
    assert (last.sizes, second.sizes) == ((2, 3), (3, 4))
    assert TensorStatistics.of(np.array(3.0)).means == pytest.approx([3])


def test_a_grid_reaches_to_zero() -> None:
    assert TensorStatistics(low=10, high=51, means=np.zeros(1)).step == pytest.approx(51 / 255)
    assert TensorStatistics(low=-51, high=-9, means=np.zeros(1)).step == pytest.approx(51 / 255)

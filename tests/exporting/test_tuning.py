"""Which range a tensor gets, from what images show."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.exporting.tuning import ranges_of


def test_nearly_all_images_fit_and_an_odd_one_does_not_count() -> None:
    usual = [np.array([[-number / 100, number], [0, 1]], float) for number in range(100)]
    odd = np.array([[-1000, 1e6], [0, 1]], float)
    found = ranges_of(["a", "b"], [*usual, odd])
    assert found["a"] == pytest.approx((-0.95, 95))
    assert found["b"] == (0, 1)


def test_no_image_shows_nothing() -> None:
    with pytest.raises(ValueError, match="no samples"):
        ranges_of(["a"], [])

"""Where kernels are cut off."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.exporting.clipping import clipped, least_error


@pytest.mark.parametrize(("bits", "share"), [(7, 0.9), (4, 0.6)])
def test_kernels_are_cut_where_their_grid_errs_least(bits: int, share: float) -> None:
    channels = np.random.default_rng(7).standard_t(3, (5, 40000)).astype(np.float32)
    levels = 2 ** (bits - 1) - 1

    def error(cuts: np.ndarray) -> np.ndarray:
        steps = cuts[:, None] / levels
        rounded = np.clip(np.round(channels / steps), -levels, levels) * steps
        return ((rounded - channels) ** 2).sum(axis=1)

    largest = np.abs(channels).max(axis=1)
    tried = np.stack([error(largest * part) for part in np.linspace(0.02, 1, 100)])
    cuts = least_error(channels, bits=bits)
    assert (error(cuts) <= 1.1 * tried.min(axis=0)).all()
    assert (error(cuts) <= share * error(largest)).all()


@pytest.mark.parametrize("channel", [[0.0, 0.0], [0.5, -0.5], [3.0, 0.0]])
def test_a_channel_of_one_size_is_not_cut(channel: list[float]) -> None:
    assert least_error(np.array([channel], np.float32), bits=7) == pytest.approx([max(channel)])


@pytest.mark.parametrize("axis", [0, 1, 3])
def test_each_channel_of_a_kernel_is_cut_by_itself(axis: int) -> None:
    channels = np.random.default_rng(5).standard_t(2, (4, 300)).astype(np.float32)
    channels *= np.array([[0.01], [0], [1], [30]], np.float32)
    kernel = np.moveaxis(channels.reshape(4, 3, 10, 10), 0, axis)
    cut = clipped(kernel, axis=axis, bits=8)
    assert cut.shape == kernel.shape and cut.dtype == np.float32 and cut.flags.c_contiguous
    rows = np.moveaxis(cut, axis, 0).reshape(4, -1)
    limits = least_error(channels, bits=8)
    assert (rows == np.clip(channels, -limits[:, None], limits[:, None])).all()
    assert (limits[[0, 2, 3]] < np.abs(channels).max(axis=1)[[0, 2, 3]]).all()

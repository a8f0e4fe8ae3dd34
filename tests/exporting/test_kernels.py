"""Kernels on a grid of few levels."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from sightline.exporting.kernels import (
    Steps,
    clipped,
    constant_error,
    least_error,
    rounded,
    with_room_for,
)


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


def test_each_channel_of_a_kernel_is_cut_by_itself() -> None:
    channels = np.random.default_rng(5).standard_t(2, (4, 300)).astype(np.float32)
    channels *= np.array([[0.01], [0], [1], [30]], np.float32)
    cut = clipped(channels.reshape(4, 3, 10, 10), bits=8)
    limits = least_error(channels, bits=8)
    assert cut.shape == (4, 3, 10, 10) and cut.dtype == np.float32
    assert (cut.reshape(4, -1) == np.clip(channels, -limits[:, None], limits[:, None])).all()
    assert (limits[[0, 2, 3]] < np.abs(channels).max(axis=1)[[0, 2, 3]]).all()


def test_each_channel_is_rounded_to_its_own_grid() -> None:
    kernel = np.array([[[1.0, -0.26]], [[0.0, 0.0]], [[8.0, 3.1]]], np.float32)
    given = rounded(kernel, levels=4)
    assert given.tolist() == [[[1.0, -0.25]], [[0.0, 0.0]], [[8.0, 4.0]]]
    assert given.dtype == np.float32


@pytest.mark.parametrize("size", [0.0, 1e-12])
def test_a_bias_fits_beside_a_channel_of_zeros(size: float) -> None:
    kernel = np.full((3, 2, 2, 2), 0.1, np.float32)
    kernel[1] *= 10 * size
    bias, step = np.array([0, -2.5, 7], np.float32), 6 / 255
    given = with_room_for(bias, kernel, levels=127, step=step)
    steps = step * np.abs(given.reshape(3, -1)).max(axis=1) / 127
    assert (np.abs(bias / steps) < 2**31).all()
    assert (given[[0, 2]] == kernel[[0, 2]]).all()
    # What it adds where all values are as large as they can be.
    assert np.abs(given[1] - kernel[1]).sum() * 6 <= 3.1e-5 * 2.5
    nothing = with_room_for(np.zeros(3, np.float32), kernel, levels=127, step=step)
    assert (nothing == kernel).all()
    assert (with_room_for(bias, kernel, levels=127, step=0.0) == kernel).all()


@pytest.mark.parametrize(
    ("channels", "inputs", "groups"), [(6, 4, 1), (6, 4, 2), (4, 4, 4), (8, 4, 4)]
)
def test_the_constant_error_is_what_constant_values_show(
    channels: int, inputs: int, groups: int
) -> None:
    rng = np.random.default_rng(9)
    kernel = rng.normal(size=(channels, inputs // groups, 3, 3)).astype(np.float32)
    used = rounded(kernel, levels=7)
    means = rng.uniform(1, 5, inputs).astype(np.float32)
    values = np.broadcast_to(means.reshape(-1, 1, 1), (inputs, 3, 3))
    own = np.split(values, groups)
    sums = [
        [(one[channel] * own[channel * groups // channels]).sum() for one in (kernel, used)]
        for channel in range(channels)
    ]
    found = constant_error(used - kernel, means)
    assert found == pytest.approx(np.diff(sums, axis=1)[:, 0], rel=1e-4, abs=1e-5)
    assert np.abs(found).min() > 1e-3


@pytest.mark.parametrize("size", [1, 2, 5, 7])
@pytest.mark.parametrize(
    ("taps", "stride", "dilation"), [(3, 1, 1), (5, 2, 1), (3, 2, 1), (3, 1, 2)]
)
def test_a_weight_at_the_border_meets_padding_as_often_as_it_does(
    size: int, taps: int, stride: int, dilation: int
) -> None:
    """Held to TensorFlow, on values of 1: each sum then counts the values that were met."""
    kernel = np.diag(np.ones(taps, np.float32)).reshape(taps, 1, 1, taps)
    values = np.ones((1, size, 1, 1), np.float32)
    sums = keras.ops.conv(
        values, kernel, strides=(stride, 1), padding="same", dilation_rate=(dilation, 1)
    )
    steps = Steps.same(size, taps, stride=stride, dilation=dilation)
    assert steps.covered(size, taps) == pytest.approx(np.mean(sums, axis=(0, 1, 2)))


def test_without_padding_every_weight_meets_values_only() -> None:
    assert Steps(stride=2).covered(9, 3).tolist() == [1, 1, 1]
    assert Steps(before=1, after=0).covered(3, 2).tolist() == [2 / 3, 1]

"""Kernels as a grid of few levels holds them, and what that does to the sums that they make.

All kernels here have their own channels first and those of the values second: (channels, inputs,
...), of the inputs only those of the group that a channel belongs to.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sightline.exporting.tuning import Rounding, Statistics

_TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, kw_only=True)
class Grid:
    """What a quantiser gives each channel of a kernel.

    Attributes:
        bits: Of a weight.
        levels: On either side of zero; the outermost is the largest weight of the channel.
    """

    bits: int
    levels: int


@dataclass(frozen=True, kw_only=True)
class Steps:
    """How a kernel goes along one axis.

    Attributes:
        stride: From one place to the next.
        dilation: From one weight to the next.
        before: Zeros that are padded before the first value.
        after: Zeros that are padded after the last.
    """

    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0

    @classmethod
    def same(cls, size: int, taps: int, *, stride: int, dilation: int) -> Steps:
        """Return those with TensorFlow's padding "same", for `taps` weights on `size` values."""
        places = -(-size // stride)
        padded = max((places - 1) * stride + (taps - 1) * dilation + 1 - size, 0)
        before = padded // 2
        return cls(stride=stride, dilation=dilation, before=before, after=padded - before)

    def covered(self, size: int, taps: int) -> np.ndarray:
        """Return in what share of the places each of `taps` weights meets one of `size` values."""
        reach = (taps - 1) * self.dilation + 1
        places = max((size + self.before + self.after - reach) // self.stride + 1, 1)
        first = np.arange(places) * self.stride - self.before
        met = first[:, None] + np.arange(taps) * self.dilation
        share: np.ndarray = ((met >= 0) & (met < size)).mean(axis=0)
        return share


class KernelLayer(Protocol):
    """A layer of a graph in float that is to get few bits."""

    @property
    def grid(self) -> Grid:
        """That of its kernel."""

    @property
    def values(self) -> str:
        """The name of what it is applied to."""

    @property
    def place(self) -> Hashable:
        """Where its kernel is: layers may share one."""

    @property
    def kernel(self) -> np.ndarray:
        """float32 (channels, inputs, ...)."""

    @property
    def biased(self) -> bool:
        """Whether it takes a bias that can be set."""

    @property
    def bias(self) -> np.ndarray:
        """float32 (channels,)."""

    def steps(self, sizes: Sequence[int]) -> Sequence[Steps]:
        """Return how the kernel goes along values of these sizes; empty for a dense layer."""

    def set_kernel(self, kernel: np.ndarray) -> None:
        """Set it in all layers that share it."""

    def set_bias(self, bias: np.ndarray) -> None:
        """Set it in this layer alone."""


def prepare(
    layers: Sequence[KernelLayer],
    statistics: Statistics,
    rounding: Rounding,
    *,
    whole_biases: bool = True,
) -> None:
    """Let biases fit and make up for what few bits add to sums; cut kernels off, if wanted.

    Args:
        layers: All that have a kernel together, or none of them.
        statistics: Of all values.
        rounding: Whether kernels are cut off.
        whole_biases: Whether biases become whole numbers, too, and have to fit.
    """
    as_given = {one.place: one.kernel for one in layers}
    if rounding == "octav":
        for layer in {one.place: one for one in layers}.values():
            layer.set_kernel(clipped(layer.kernel, bits=layer.grid.bits))
    biased = [layer for layer in layers if layer.biased]
    for layer in biased if whole_biases else ():
        step = statistics[layer.values].step
        kernel = with_room_for(layer.bias, layer.kernel, levels=layer.grid.levels, step=step)
        layer.set_kernel(kernel)
    for layer in biased:
        used = rounded(layer.kernel, levels=layer.grid.levels)
        error = (used - as_given[layer.place]) * _covered(layer, statistics[layer.values].sizes)
        layer.set_bias(layer.bias - constant_error(error, statistics[layer.values].means))


def _covered(layer: KernelLayer, sizes: Sequence[int]) -> np.ndarray:
    """Return in what share of the places each weight meets a value, and not a padded zero."""
    shares = np.ones((1, 1))
    taps = layer.kernel.shape[2:]
    for steps, size, count in zip(layer.steps(sizes), sizes, taps, strict=False):
        shares = shares[..., None] * steps.covered(size, count)
    return shares


def clipped(kernel: np.ndarray, *, bits: int) -> np.ndarray:
    """Return a kernel whose channels are each cut off by `least_error`."""
    limits = least_error(kernel.reshape(len(kernel), -1), bits=bits)
    limits = limits.reshape(-1, *[1] * (kernel.ndim - 1))
    cut: np.ndarray = np.clip(kernel, -limits, limits)
    return cut


def rounded(kernel: np.ndarray, *, levels: int) -> np.ndarray:
    """Return a kernel in float as a symmetric grid gives it back, each channel on its own grid.

    For training, with a gradient, there is `models.quantized.on_grid`, which needs Keras.

    Args:
        kernel: float (channels, ...).
        levels: On either side of zero; the outermost is the largest weight of the channel.
    """
    largest = np.abs(kernel.reshape(len(kernel), -1)).max(axis=1)
    steps = np.maximum(largest, _TINY).reshape(-1, *[1] * (kernel.ndim - 1)) / levels
    on_grid: np.ndarray = (np.round(kernel / steps) * steps).astype(kernel.dtype)
    return on_grid


def with_room_for(bias: np.ndarray, kernel: np.ndarray, *, levels: int, step: float) -> np.ndarray:
    """Return a kernel none of whose channels is so small that its bias does not fit.

    A bias counts in the steps of the values times those of its channel's weights, in 32 bits. A
    channel of zeros that gives a constant, as training from ImageNet's weights leaves some, would
    lose it: up to 2.5, where values end at 6 (fine-tuned MobileNetV2). One weight is set so that it
    fits; what that adds to the sum is at most 3e-5 of the bias. Where no image shows a value but
    zero, nothing is known of the steps, and the kernel is left as it is.

    Args:
        bias: float (channels,).
        kernel: float (channels, ...).
        levels: Of the kernel's grid, on either side of zero.
        step: Of the values that the kernel is applied to, which have 255.
    """
    if step <= 0:
        return kernel
    least = levels * np.abs(bias) / (step * 2**30)
    channels = kernel.reshape(len(kernel), -1).copy()
    small = np.abs(channels).max(axis=1) < least
    channels[small, 0] = least[small]
    return channels.reshape(kernel.shape)


def constant_error(error: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Return what errors of a kernel add to each channel of the sums, on average over images.

    Values are seldom around zero, and so one wrong weight adds much the same in every place of
    every image: in projections of MobileNetV2, 0.12 of the spread of what they give, where all the
    rest of 8 bits adds 0.02. Taken from the bias, it is gone.

    Args:
        error: Of each weight, float (channels, inputs, ...).
        means: Of the values, by channel, (inputs of all groups,).

    Returns:
        float, (channels,).

    Source: M. Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias
    Correction", ICCV 2019, section 4.2.
    """
    by_input = error.reshape(*error.shape[:2], -1).sum(axis=2)
    groups = len(means) // by_input.shape[1]
    own = means.reshape(groups, -1).repeat(len(by_input) // groups, axis=0)
    total: np.ndarray = (by_input * own).sum(axis=1)
    return total


def least_error(channels: np.ndarray, *, bits: int, steps: int = 20) -> np.ndarray:
    """Return the value to cut off each channel at, so that a symmetric grid errs least.

    The error is the rounding of what is within the grid and the cut of what is beyond it; Newton's
    method finds its minimum (C. Sakr et al., "Optimal Clipping and Magnitude-aware Differentiation
    for Improved Quantization-aware Training", ICML 2022, equation 6).

    Args:
        channels: float (channels, weights).
        bits: Of the grid.
        steps: Of Newton's method; it settles in ten or so.

    Returns:
        The cuts, of the dtype of `channels`, (channels,); at most their largest magnitude.
    """
    sizes = np.abs(channels).astype(np.float64)
    largest = sizes.max(axis=1)
    cuts = sizes.sum(axis=1) / np.maximum((sizes > 0).sum(axis=1), 1)
    rounding = 4.0**-bits / 3
    for _ in range(steps):
        beyond = sizes > cuts[:, None]
        within = ~beyond & (sizes > 0)
        weight = rounding * within.sum(axis=1) + beyond.sum(axis=1)
        cuts = (sizes * beyond).sum(axis=1) / np.maximum(weight, np.finfo(np.float64).tiny)
    kept: np.ndarray = np.where(cuts > 0, np.minimum(cuts, largest), largest)
    return kept.astype(channels.dtype)

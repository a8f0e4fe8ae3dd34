"""Kernels cut off where a grid of few levels then errs least."""

from __future__ import annotations

import numpy as np


def clipped(kernel: np.ndarray, *, axis: int, bits: int) -> np.ndarray:
    """Return a kernel whose channels are each cut off by `least_error`.

    Args:
        kernel: float, of any shape.
        axis: That of its channels.
        bits: Of the grid.

    Returns:
        As `kernel`, in one piece of memory.
    """
    channels = np.moveaxis(kernel, axis, 0)
    limits = least_error(channels.reshape(len(channels), -1), bits=bits)
    limits = limits.reshape(-1, *[1] * (channels.ndim - 1))
    return np.ascontiguousarray(np.moveaxis(np.clip(channels, -limits, limits), 0, axis))


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

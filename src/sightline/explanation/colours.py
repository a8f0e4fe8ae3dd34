"""From a map's values to colours over a picture. Neither TensorFlow nor matplotlib."""

from __future__ import annotations

import numpy as np

# matplotlib's "inferno" (van der Walt and Smith, CC0) at ninths, without its black end:
# lightness rises evenly, also for those who see colours differently and on grey paper.
_EVIDENCE = (
    *((66, 10, 104), (106, 23, 110), (147, 38, 103), (188, 55, 84)),
    *((221, 81, 58), (243, 120, 25), (252, 165, 10), (246, 215, 70), (252, 255, 164)),
)
# Brewer's RdBu, its dark ends: against and for.
_AGAINST, _FOR = (5, 113, 176), (202, 0, 32)

_MOST = 0.8  # opacity
_GREY = 0.65  # how much of the picture's colour gives way, so that the map's is not mistaken
_PALE = 0.4  # of its contrast, what the model did not see
_LARGEST = 99.5
"""Percentile of the sizes that gets the full colour: single extreme pixels would leave a map
of gradients black."""


def blend(picture: np.ndarray, values: np.ndarray, *, signed: bool) -> np.ndarray:
    """Return a picture with a map over it.

    Args:
        picture: uint8 (h, w, 3).
        values: float32 (h, w); NaN where the model saw nothing, which is dimmed.
        signed: Blue for values below zero and red above, else dark to bright from zero up.

    Returns:
        uint8 (h, w, 3).
    """
    seen = np.isfinite(values)
    known = np.where(seen, values, 0)
    largest = np.percentile(np.abs(known[seen]), _LARGEST) if seen.any() else 0.0
    largest = largest or float(np.abs(known).max())
    strength = np.clip(np.abs(known) / largest, 0, 1) if largest else np.zeros_like(known)
    colours = _signed(known) if signed else _ramp(strength)
    opacity = (_MOST * strength * seen)[..., None]
    levels = picture.astype(np.float64)
    luma = (levels @ (0.299, 0.587, 0.114))[..., None]
    base = levels + _GREY * (luma - levels)
    base = np.where(seen[..., None], base, 255 - (255 - base) * _PALE)
    mixed = base * (1 - opacity) + colours * opacity
    return np.asarray(np.clip(np.rint(mixed), 0, 255), np.uint8)


def _ramp(strength: np.ndarray) -> np.ndarray:
    places = np.linspace(0, 1, len(_EVIDENCE))
    channels = [np.interp(strength, places, channel) for channel in np.array(_EVIDENCE).T]
    return np.stack(channels, axis=-1)


def _signed(values: np.ndarray) -> np.ndarray:
    return np.where((values < 0)[..., None], np.array(_AGAINST), np.array(_FOR)).astype(float)

"""The learning rate as a pure function of the step, so that a resumed run cannot differ."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping


def _cosine(progress: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * progress))


def _linear(progress: float) -> float:
    return 1 - progress


def _constant(progress: float) -> float:
    return 1.0


DECAYS: Mapping[str, Callable[[float], float]] = {
    "constant": _constant,
    "cosine": _cosine,
    "linear": _linear,
}
"""From the share of the decay that is done (0 to 1) to the share of the peak rate."""


def learning_rate(step: int, *, steps: int, peak: float, warmup: float, decay: str) -> float:
    """Return the rate for `step`.

    It rises linearly over the first `warmup` share of all steps and then decays to (nearly)
    zero: with `decay="linear"` this is the triangular, or one-cycle, schedule.

    Args:
        step: From 0 to `steps - 1`.
        steps: Steps of the whole run.
        peak: The largest rate.
        warmup: Share of the steps that rise, 0 to 1.
        decay: A name in `DECAYS`.
    """
    rising = round(steps * warmup)
    if step < rising:
        return peak * (step + 1) / rising
    return peak * DECAYS[decay]((step - rising) / max(steps - rising, 1))

"""A figure with its interval and the number it stands on, and the intervals in closed form.

No figure leaves this layer without all three. A figure that cannot be computed (a rate of
nothing) is NaN, and null in JSON; it is never quietly zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from statistics import NormalDist
from typing import Any

from sightline.errors import ConfigError

Z95 = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A value measured on a sample, with its 95 % interval.

    Attributes:
        value: What was measured; NaN where it is not defined.
        low: Lower limit; NaN where the value is.
        high: Upper limit; NaN where the value is.
        n: How many images (or answers, for a precision) it was measured on.
    """

    value: float
    low: float
    high: float
    n: int

    @classmethod
    def undefined(cls) -> Estimate:
        """Return the estimate of a figure that nothing can be measured on."""
        return cls(value=math.nan, low=math.nan, high=math.nan, n=0)

    @property
    def defined(self) -> bool:
        """Whether there is a value."""
        return not math.isnan(self.value)

    @property
    def figures(self) -> tuple[str, str]:
        """The value and its interval as text, such as `("0.868", "0.83-0.90")`.

        Limits are rounded outward; a narrow interval has more digits, or the value would seem
        to lie outside it. `("undefined", "")` where there is none.
        """
        if not self.defined:
            return "undefined", ""
        width = self.high - self.low
        digits = max(2, min(6, math.ceil(-math.log10(width)))) if width > 0 else 2
        low = _rounded(self.low, digits, ROUND_FLOOR)
        high = _rounded(self.high, digits, ROUND_CEILING)
        dash = " to " if self.low < 0 else "-"
        return f"{self.value:.{max(3, digits)}f}", f"{low}{dash}{high}"

    def __str__(self) -> str:
        """Return for example `0.868 (0.83-0.90, n=372)`."""
        value, interval = self.figures
        return f"{value} ({interval}, n={self.n})" if interval else f"{value} (n={self.n})"

    def to_json(self) -> dict[str, Any]:
        """Return the figures, null where they are not defined."""
        value, low, high = (
            number if math.isfinite(number) else None
            for number in (self.value, self.low, self.high)
        )
        return {"value": value, "low": low, "high": high, "n": self.n}


def wilson(successes: int, n: int) -> Estimate:
    """Return the proportion `successes / n` with its 95 % interval; undefined for n = 0.

    Unlike the textbook interval it is never [0, 0] or [1, 1], however small the sample.

    Raises:
        ConfigError: `successes` is not between 0 and n.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical
    inference", JASA 22 (1927), 209-212.
    """
    if not 0 <= successes <= n:
        raise ConfigError(
            f"{successes} successes of {n}.", expected="from 0 to n", code="bad_proportion"
        )
    if n == 0:
        return Estimate.undefined()
    low, high = wilson_limits(successes / n, n)
    return Estimate(value=successes / n, low=low, high=high, n=n)


def wilson_limits(share: float, n: float) -> tuple[float, float]:
    """Return Wilson's 95 % limits of a share in [0, 1] seen on n > 0 trials, not always whole."""
    square = Z95 * Z95
    centre = (share + square / (2 * n)) / (1 + square / n)
    half = Z95 / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    # At the ends the formula gives 0 and 1, but for rounding.
    low = centre - half if share > 0 else 0.0
    high = centre + half if share < 1 else 1.0
    return max(0.0, low), min(1.0, high)


def f1_estimate(hits: int, answered: int, support: int) -> Estimate:
    """Return the F1 of one class with its 95 % interval.

    F1 = 2J / (1 + J) grows with Jaccard's J = hits / (answered + support - hits), and among
    the images that have the class or are given it, the hits are binomial: so the interval is
    Wilson's for J, carried over. Unlike a bootstrap it does not collapse where all is right.

    Args:
        hits: Images of the class that are given it.
        answered: Images that are given the class.
        support: Images of the class.
    """
    union = answered + support - hits
    if union == 0:
        return Estimate.undefined()
    limits = wilson_limits(hits / union, union)
    low, high = (2 * jaccard / (1 + jaccard) for jaccard in limits)
    return Estimate(value=2 * hits / (answered + support), low=low, high=high, n=union)


def _rounded(number: float, digits: int, direction: str) -> Decimal:
    return Decimal(repr(number)).quantize(Decimal(1).scaleb(-digits), rounding=direction)

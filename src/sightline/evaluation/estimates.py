"""A figure with its interval and the number it stands on, and the intervals in closed form.

No figure leaves this layer without all three. A figure that cannot be computed (a rate of
nothing) is NaN, and null in JSON; it is never quietly zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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

    def times(self, factor: float) -> Estimate:
        """Return the estimate of a positive multiple."""
        value, low, high = (factor * one for one in (self.value, self.low, self.high))
        return Estimate(value=value, low=low, high=high, n=self.n)

    def to_json(self) -> dict[str, Any]:
        """Return the figures, null where they are not defined."""
        value, low, high = (
            number if math.isfinite(number) else None
            for number in (self.value, self.low, self.high)
        )
        return {"value": value, "low": low, "high": high, "n": self.n}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Estimate:
        """Return what `to_json` gave.

        Raises:
            KeyError, TypeError, ValueError: It is not that.
        """
        figures = {
            name: math.nan if value[name] is None else float(value[name])
            for name in ("value", "low", "high")
        }
        return cls(**figures, n=int(value["n"]))


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


def f1_estimate(jaccard: Estimate) -> Estimate:
    """Return the F1 of one class from its Jaccard index, with the interval carried over.

    F1 = 2J / (1 + J) grows with J = hits / (answered + support - hits), and among the images
    that have the class or are given it, the hits are binomial: so J has an interval for
    shares. Unlike a bootstrap it does not collapse where all is right.
    """
    value, low, high = (
        2 * share / (1 + share) for share in (jaccard.value, jaccard.low, jaccard.high)
    )
    return Estimate(value=value, low=low, high=high, n=jaccard.n)


def wider(value: float, *limits: tuple[float, float], n: int) -> Estimate:
    """Return a value with the limits that are furthest out."""
    lows, highs = zip((value, value), *limits, strict=True)
    return Estimate(value=value, low=min(lows), high=max(highs), n=n)


def mean_of(
    parts: Sequence[Estimate], *, n: int, shares: Sequence[float] | None = None
) -> Estimate:
    """Return the mean of independent shares; distances to the limits add up in squares.

    One that is not defined counts as 0, and its upper limit as that of 0 in 1.

    Args:
        parts: The figures in [0, 1], at least one.
        n: Images.
        shares: How much each counts, adding up to 1; by default all the same.

    Source: G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures:
    a general approach", Statistics in Medicine 27 (2008), 1693-1702 (MOVER).
    """
    unknown = (0.0, 0.0, wilson_limits(0.0, 1)[1])
    known = [(one.value, one.low, one.high) if one.defined else unknown for one in parts]
    each = shares or [1 / len(known)] * len(known)
    value = math.fsum(share * one[0] for share, one in zip(each, known, strict=True))
    below, above = (
        math.sqrt(
            math.fsum(
                (share * (one[side] - one[0])) ** 2 for share, one in zip(each, known, strict=True)
            )
        )
        for side in (1, 2)
    )
    return Estimate(value=value, low=max(0.0, value - below), high=min(1.0, value + above), n=n)


def auc_limits(area: float, present: float, absent: float) -> tuple[float, float]:
    """Return 95 % limits of an area under a ROC curve that know only the numbers of images.

    Unlike limits from the ranks they hold for an area of 1, and for a handful of images.

    Args:
        area: The area, in [0, 1].
        present: Images of the class, or what they are worth.
        absent: Other images.

    Source: R. G. Newcombe, "Confidence intervals for an effect size measure based on the
    Mann-Whitney statistic, part 2", Statistics in Medicine 25 (2006), 559-573, method 5.
    """

    def worth(true: float) -> float:
        spread = (1 - true) / (2 - true) + true / (1 + true)
        return present * absent / (1 + max(0.0, (present + absent) / 2 - 1) * spread)

    limits = [area, area]
    for side in (0, 1):
        for _ in range(30):  # a fixed point; each step leaves a fraction of the error
            limits[side] = wilson_limits(area, worth(limits[side]))[side]
    return limits[0], limits[1]


def _rounded(number: float, digits: int, direction: str) -> Decimal:
    return Decimal(repr(number)).quantize(Decimal(1).scaleb(-digits), rounding=direction)

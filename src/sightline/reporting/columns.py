"""Figures and names as text in aligned columns: plain lines, wide letters count as two."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from sightline.evaluation import Estimate
from sightline.files import printable


def aligned(rows: Sequence[Sequence[str]], *, right: set[int]) -> tuple[str, ...]:
    """Return rows with their columns aligned, those in `right` on the right."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = []
        for place, (text, width) in enumerate(zip(row, widths, strict=True)):
            blank = " " * (width - cell_len(text))
            cells.append(blank + text if place in right else text + blank)
        lines.append("  ".join(cells).rstrip())
    return tuple(lines)


def shortened(name: str, width: int) -> str:
    """Return a name made printable, cut to `width` columns."""
    text = printable(name)
    return text if cell_len(text) <= width else set_cell_size(text, width - 1).rstrip() + "…"


def share(estimate: Estimate) -> str:
    """Return a value with three digits, `-` where there is none."""
    return f"{estimate.value:.3f}" if estimate.defined else "-"


def interval(estimate: Estimate) -> str:
    """Return a value with its interval, `0.965 0.93-0.98`, limits outward."""
    if not estimate.defined:
        return "-"
    low, high = (round(limit * 100, 6) for limit in (estimate.low, estimate.high))
    return f"{share(estimate)} {math.floor(low) / 100:.2f}-{math.ceil(high) / 100:.2f}"


def signed(estimate: Estimate) -> str:
    """Return a difference with its interval, `+0.040 (+0.012 to +0.068)`, limits outward."""
    if not estimate.defined:
        return "-"
    low, high = limits(estimate)
    return f"{sign(estimate.value)} ({low} to {high})"


def limits(estimate: Estimate) -> tuple[str, str]:
    """Return the limits of a difference with their signs, rounded outward."""
    # A limit that is 0.02 but for rounding must not become 0.021.
    low, high = (round(limit * 1000, 6) for limit in (estimate.low, estimate.high))
    return sign(math.floor(low) / 1000), sign(math.ceil(high) / 1000)


def sign(number: float) -> str:
    """Return a number with its sign and three digits; zero has none."""
    text = f"{number:+.3f}"
    return "0.000" if float(text) == 0 else text


def chance(p_value: float) -> str:
    """Return a p-value: `0.003`, `0.31`, `<0.001`."""
    if p_value < 0.001:
        return "<0.001"
    return f"{p_value:.3f}" if p_value < 0.1 else f"{p_value:.2f}"

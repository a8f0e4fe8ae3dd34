"""Stress curves as lines of plain text that fit a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterable

from sightline.evaluation.stress import StressCurve, Stressed
from sightline.reporting.columns import aligned, share, sign


def stress_lines(stressed: Stressed) -> tuple[str, ...]:
    """Return the curves as a table, one row for each, and where the answers begin to fall."""
    clean = stressed.clean
    head = f"Clean: {clean}"
    if stressed.failed:
        head += f"; {stressed.failed:,} more cannot be decoded and are in no figure"
    rows = [_row(curve) for curve in stressed.curves]
    wide = max(map(len, rows), default=0)
    padded = [(*row, *[""] * (wide - len(row))) for row in rows]
    points = sum(len(curve.points) for curve in stressed.curves)
    return (
        head,
        "",
        *(aligned(padded, right=set()) if rows else ()),
        f"* worse than clean beyond chance (paired; corrected for {points} looks)",
        "",
        *_first_falls(stressed.curves),
    )


def _row(curve: StressCurve) -> tuple[str, ...]:
    cells = (
        f"{point.level:g}: {share(point.accuracy)}{'*' if point.falls else ''}"
        for point in curve.points
    )
    return curve.name, *cells


def _first_falls(curves: Iterable[StressCurve]) -> tuple[str, ...]:
    rows = []
    for curve in curves:
        first = next((point for point in curve.points if point.falls), None)
        falls = "none" if first is None else f"{sign(first.change.value)} at {first.level:g}"
        rows.append((curve.name, falls, curve.unit))
    return aligned([("", "first fall", "level"), *rows], right=set()) if rows else ()

"""The thresholds in use, and what others would give: ROC and precision-recall curves."""

from __future__ import annotations

from collections.abc import Sequence

from sightline.reporting.facts import Curve, Facts, Thresholds
from sightline.reporting.page.blocks import (
    Album,
    Block,
    Column,
    Figure,
    Figures,
    Sentence,
    Table,
    TableCell,
)
from sightline.reporting.page.charts import SERIES, Axis, Words, line_chart
from sightline.reporting.page.markup import joined, name
from sightline.reporting.page.section import Content, NotRun, Section
from sightline.reporting.page.sentences import counted, interval, value


def _fill(facts: Facts, album: Album) -> Content:
    figures = []
    if facts.roc:
        figures.append(
            _figure(
                facts.roc,
                id="roc",
                title="ROC",
                axes=("false positive rate", "true positive rate"),
                caption="How many of a class are found, for how many others taken for it. "
                "The dashed line is guessing.",
            )
        )
    if facts.precision_recall:
        figures.append(
            _figure(
                facts.precision_recall,
                id="precision-recall",
                title="Precision and recall",
                axes=("recall", "precision"),
                caption="How many of those named are right, for how many of the class are found.",
            )
        )
    used = _used(facts.thresholds)
    if not figures:
        return used or NotRun(reason="the curves over all thresholds were not computed.")
    hidden = max(len(curves) for curves in (facts.roc or (), facts.precision_recall or ())) - SERIES
    lead = "Each class against all others, for every threshold of its probability."
    if hidden > 0:
        lead += (
            f" The {SERIES} classes with the smallest area are drawn; "
            f"{counted(hidden, 'class', 'classes')} with a larger one are not."
        )
    return (*used, Sentence(text=lead), Figures(items=tuple(figures)))


def _used(thresholds: Thresholds | None) -> tuple[Block, ...]:
    """Return the thresholds that the model's answers come from."""
    if thresholds is None:
        return ()
    columns = (Column(title="Class", look="name"), Column(title="Given from", look="number"))
    rows = tuple(
        (TableCell(text=name(one)), TableCell(text=f"{value:.3g}", order=value))
        for one, value in thresholds.values.items()
    )
    table = Table(title="Thresholds in use", columns=columns, rows=rows, sortable=True)
    lead = "A class is given from this probability on."
    if thresholds.promise:
        lead += f" Chosen on validation images: {thresholds.promise}."
    return (Sentence(text=lead), table)


def _figure(
    curves: Sequence[Curve], *, id: str, title: str, axes: tuple[str, str], caption: str
) -> Figure:
    chosen = sorted(curves, key=lambda curve: curve.area.value if curve.area else 0.0)[:SERIES]
    words = "; ".join(
        f"{curve.name}: area {value(curve.area)}" for curve in chosen if curve.area is not None
    )
    svg = line_chart(
        chosen,
        x=Axis(label=axes[0]),
        y=Axis(label=axes[1]),
        words=Words(id=id, title=title, description=words),
        diagonal=id == "roc",
    )
    legend = tuple(joined([name(curve.name, most=40), _area(curve)]) for curve in chosen)
    return Figure(title=title, svg=svg, legend=legend, caption=caption)


def _area(curve: Curve) -> str:
    if curve.area is None:
        return ""
    limits = interval(curve.area)
    return f" {value(curve.area)}" + (f" ({limits})" if limits else "")


THRESHOLDS = Section[Facts](id="thresholds", title="Thresholds", fill=_fill)

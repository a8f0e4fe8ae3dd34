"""Whether confidence can be taken at its word."""

from __future__ import annotations

from sightline.reporting.facts import Calibration, Facts, Reliability
from sightline.reporting.page.blocks import (
    Album,
    Column,
    Figure,
    Figures,
    Folded,
    Sentence,
    Table,
    TableCell,
)
from sightline.reporting.page.charts import Words, reliability_chart
from sightline.reporting.page.section import Content, NotRun, Section
from sightline.reporting.page.sentences import between, images, interval, value


def _fill(facts: Facts, album: Album) -> Content:
    calibration = facts.calibration
    if calibration is None or not calibration.diagrams:
        return NotRun(reason="calibration was not measured.")
    last = calibration.diagrams[-1]
    lead = (
        f"Confidence is off by {value(last.ece)} on average (expected calibration error, between "
        f"{between(last.ece)}, {images(last.ece.n, facts.part)}). "
        f"{_temperature(calibration)}"
    )
    figure = Figure(
        title="Reliability",
        svg=reliability_chart(
            [one.bins for one in calibration.diagrams],
            words=Words(
                id="reliability", title="Reliability diagram", description=_described(last)
            ),
        ),
        legend=tuple(f"{one.name}: error {value(one.ece)}" for one in calibration.diagrams),
        caption="Points on the dashed line are honest: of the answers given with a confidence of "
        "0.8, 80 % are right. Below it the model is too sure. Larger points stand for more images.",
    )
    tables = (_table(one) for one in calibration.diagrams)
    return (
        Sentence(text=lead),
        Figures(items=(figure,)),
        Folded(title="The same as a table", blocks=tuple(tables)),
    )


def _temperature(calibration: Calibration) -> str:
    if calibration.temperature is None:
        return ""
    said = f"Logits are divided by a temperature of {calibration.temperature:.3g}"
    if calibration.fitted_on:
        said += f", fitted on the {calibration.fitted_on} images"
    first, last = calibration.diagrams[0], calibration.diagrams[-1]
    if len(calibration.diagrams) > 1:
        said += f"; before that, the error was {value(first.ece)}, now {value(last.ece)}"
    return f"{said}."


def _described(diagram: Reliability) -> str:
    parts = [
        f"confidence {one.confidence:.2f}, right {value(one.accuracy)}"
        for one in diagram.bins
        if one.accuracy.n
    ]
    return f"{diagram.name}: " + "; ".join(parts)


def _table(diagram: Reliability) -> Table:
    rows = tuple(
        (
            TableCell(text=f"{one.low:.2f} to {one.high:.2f}", order=one.low),
            TableCell(text=f"{one.accuracy.n:,}", order=one.accuracy.n),
            TableCell(text=f"{one.confidence:.3f}", order=one.confidence),
            TableCell(text=value(one.accuracy), detail=interval(one.accuracy)),
        )
        for one in diagram.bins
    )
    titles = ("Confidence", "Images", "Mean confidence", f"Right, {diagram.name}")
    columns = tuple(Column(title=title, look="number") for title in titles)
    return Table(title=f"Reliability {diagram.name}", columns=columns, rows=rows)


CALIBRATION = Section[Facts](id="calibration", title="Can its confidence be believed?", fill=_fill)

"""Whether confidence can be taken at its word."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, kw_only=True)
class _Task:
    """What is said of the confidence in answers, or of the probability of labels."""

    what: str
    x: str
    y: str
    counted: str
    honest: str


_WORDS = {
    "multi_class": _Task(
        what="Confidence",
        x="confidence",
        y="share right",
        counted="images",
        honest="of the answers given with a confidence of 0.8, 80 % are right. Below it the model "
        "is too sure",
    ),
    "multi_label": _Task(
        what="The probability of a label",
        x="probability of a label",
        y="share that has it",
        counted="decisions",
        honest="of the labels with a probability of 0.8, 80 % are there. Below it the model gives "
        "them too readily",
    ),
}


def _fill(facts: Facts, album: Album) -> Content:
    calibration = facts.calibration
    if calibration is None or not calibration.diagrams:
        return NotRun(reason="calibration was not measured.")
    last = calibration.diagrams[-1]
    words = _WORDS[facts.evaluation.task]
    lead = (
        f"{words.what} is off by {value(last.ece)} on average (expected calibration error, between "
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
            x=words.x,
            y=words.y,
        ),
        legend=tuple(f"{one.name}: error {value(one.ece)}" for one in calibration.diagrams),
        caption=f"Points on the dashed line are honest: {words.honest}. Larger points stand for "
        f"more {words.counted}.",
    )
    tables = (_table(one, words) for one in calibration.diagrams)
    return (
        Sentence(text=lead),
        Figures(items=(figure,)),
        Folded(title="The same as a table", blocks=tuple(tables)),
    )


def _temperature(calibration: Calibration) -> str:
    given = [f"{one:.3g}" for one in calibration.temperatures]
    if not given:
        return ""
    said = f"Logits are divided by a temperature of {given[0]}"
    if len(given) > 1:
        said = f"The logits of the labels are divided by temperatures of {', '.join(given)}"
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


def _table(diagram: Reliability, words: _Task) -> Table:
    rows = tuple(
        (
            TableCell(text=f"{one.low:.2f} to {one.high:.2f}", order=one.low),
            TableCell(text=f"{one.accuracy.n:,}", order=one.accuracy.n),
            TableCell(text=f"{one.confidence:.3f}", order=one.confidence),
            TableCell(text=value(one.accuracy), detail=interval(one.accuracy)),
        )
        for one in diagram.bins
    )
    titles = (
        words.x.capitalize(),
        words.counted.capitalize(),
        f"Mean {words.x}",
        f"{words.y.capitalize()}, {diagram.name}",
    )
    columns = tuple(Column(title=title, look="number") for title in titles)
    return Table(title=f"Reliability {diagram.name}", columns=columns, rows=rows)


CALIBRATION = Section[Facts](id="calibration", title="Can its confidence be believed?", fill=_fill)

"""What happens to the accuracy while images get worse."""

from __future__ import annotations

from sightline.reporting.facts import Curve, Facts, Stress
from sightline.reporting.page.blocks import Album, Figure, Figures, Sentence
from sightline.reporting.page.charts import Axis, Words, axis_over, line_chart
from sightline.reporting.page.section import Content, NotRun, Section
from sightline.reporting.page.sentences import value


def _fill(facts: Facts, album: Album) -> Content:
    if not facts.stress:
        return NotRun(reason="no images were made worse on purpose.")
    lead = (
        "The same images, made worse step by step. The band is the 95 % interval; the first point "
        "of each chart is the image as it is."
    )
    figures = tuple(_figure(one, place) for place, one in enumerate(facts.stress))
    return (Sentence(text=lead), Figures(items=figures))


def _figure(stress: Stress, place: int) -> Figure:
    curve = Curve(
        name=stress.name,
        x=stress.levels,
        y=tuple(one.value for one in stress.accuracy),
        low=tuple(one.low for one in stress.accuracy),
        high=tuple(one.high for one in stress.accuracy),
    )
    first, last = stress.accuracy[0], stress.accuracy[-1]
    fall = f"From {value(first)} to {value(last)} at {stress.levels[-1]:g}."
    svg = line_chart(
        [curve],
        x=axis_over(stress.levels, label=stress.unit),
        y=Axis(label="accuracy"),
        words=Words(id=f"stress-{place}", title=stress.name, description=fall),
    )
    return Figure(title=stress.name, svg=svg, caption=fall)


STRESS = Section(id="stress", title="Worse images", fill=_fill)

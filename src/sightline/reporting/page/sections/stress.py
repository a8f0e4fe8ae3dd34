"""What happens to the accuracy while images get worse."""

from __future__ import annotations

from sightline.reporting.facts import Curve, Facts, Stress
from sightline.reporting.page.blocks import Album, Figure, Figures, Sentence
from sightline.reporting.page.charts import Axis, Words, line_chart
from sightline.reporting.page.section import Content, NotRun, Section
from sightline.reporting.page.sentences import images, value


def _fill(facts: Facts, album: Album) -> Content:
    if not facts.stress:
        return NotRun(
            reason="no images were made worse on purpose; `sightline report --thorough` does."
        )
    first = facts.stress[0].accuracy[0]
    lead = (
        f"The same {images(first.n, facts.part)}, made worse step by step before the model sees "
        f"them: {value(first)} of them are answered right as they are. The band is the 95 % "
        "interval."
    )
    figures = tuple(_figure(one, place) for place, one in enumerate(facts.stress))
    return (Sentence(text=lead), Figures(items=figures))


def _figure(stress: Stress, place: int) -> Figure:
    steps = tuple(float(step) for step in range(len(stress.accuracy)))
    curve = Curve(
        name=stress.name,
        x=steps,
        y=tuple(one.value for one in stress.accuracy),
        low=tuple(one.low for one in stress.accuracy),
        high=tuple(one.high for one in stress.accuracy),
    )
    said = _told(stress)
    names = ("as it is", *(f"{level:g}" for level in stress.levels))
    svg = line_chart(
        [curve],
        x=Axis(label=stress.unit, high=max(steps[-1], 1.0), names=names),
        y=Axis(label="accuracy"),
        words=Words(id=f"stress-{place}", title=stress.name, description=said),
    )
    return Figure(title=stress.name, svg=svg, caption=said)


def _told(stress: Stress) -> str:
    first, last = stress.accuracy[0], stress.accuracy[-1]
    said = f"From {value(first)} to {value(last)} at {stress.levels[-1]:g}."
    if not stress.falls:
        return said
    worse = [level for level, falls in zip(stress.levels, stress.falls, strict=True) if falls]
    if not worse:
        return f"{said} No step is worse than chance explains."
    return f"{said} Worse than chance explains: at {', '.join(f'{level:g}' for level in worse)}."


STRESS = Section[Facts](id="stress", title="Worse images", fill=_fill)

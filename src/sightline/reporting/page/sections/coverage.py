"""What is won by answering only when sure, and the rule that decides it."""

from __future__ import annotations

from sightline.reporting.facts import Abstaining, Curve, Facts
from sightline.reporting.page.blocks import Album, Block, Figure, Figures, Pairs, Sentence
from sightline.reporting.page.charts import Axis, Words, axis_over, line_chart
from sightline.reporting.page.section import Content, NotRun, Section
from sightline.reporting.page.sentences import images, interval, value


def _fill(facts: Facts, album: Album) -> Content:
    curve, rule = facts.risk_coverage, facts.abstaining
    if curve is None and rule is None:
        return NotRun(reason="the model always answers; what silence would win was not measured.")
    blocks: list[Block] = []
    if rule is not None:
        blocks += _rule(rule, facts.part)
    if curve is not None:
        blocks.append(Figures(items=(_figure(curve),)))
    return tuple(blocks)


def _rule(rule: Abstaining, part: str) -> tuple[Block, ...]:
    items = [
        ("Answered", f"{value(rule.coverage)} of {images(rule.coverage.n, part)}"),
        ("Of these right", f"{value(rule.accuracy)} ({interval(rule.accuracy)})"),
    ]
    if rule.outside is not None:
        said = f"{value(rule.outside)} of {images(rule.outside.n, '')}"
        items.append(("Images from elsewhere refused", said))
    return (Sentence(text=f"The rule: {rule.rule}."), Pairs(items=tuple(items)))


def _figure(curve: Curve) -> Figure:
    ends = f"from {curve.y[0]:.3f} to {curve.y[-1]:.3f}" if curve.y else "without points"
    svg = line_chart(
        [curve],
        x=Axis(label="share of images answered, the surest first"),
        y=axis_over([0.0, *curve.y, *curve.high], label="share wrong"),
        words=Words(id="risk-coverage", title="Risk and coverage", description=f"Goes {ends}."),
    )
    caption = (
        "Go left from the full coverage at the right: if the least sure answers are left to a "
        "person, so many mistakes remain among the others."
    )
    return Figure(title="Mistakes by coverage", svg=svg, caption=caption)


COVERAGE = Section[Facts](id="coverage", title="Answering only when sure", fill=_fill)

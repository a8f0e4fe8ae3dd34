"""What is won by answering only when sure, and the rule that decides it."""

from __future__ import annotations

from sightline.reporting.facts import Abstaining, Curve, Facts, Sets
from sightline.reporting.page.blocks import (
    Album,
    Block,
    Column,
    Figure,
    Figures,
    Pairs,
    Sentence,
    Table,
    TableCell,
)
from sightline.reporting.page.charts import Axis, Words, axis_over, line_chart
from sightline.reporting.page.section import Content, NotRun, Section
from sightline.reporting.page.sentences import counted, images, interval, value

_FEW = 0.1  # below this coverage the band of a few images would flatten the line


def _fill(facts: Facts, album: Album) -> Content:
    curve, rule, sets = facts.risk_coverage, facts.abstaining, facts.sets
    if curve is None and rule is None and not sets:
        return NotRun(reason="the model always answers; what silence would win was not measured.")
    blocks: list[Block] = []
    if rule is not None:
        blocks += _rule(rule, facts)
    if curve is not None:
        blocks.append(Figures(items=(_figure(curve),)))
    if sets:
        blocks += _sets(sets)
    return tuple(blocks)


def _sets(sets: tuple[Sets, ...]) -> tuple[Block, ...]:
    lead = (
        "Where one answer is not enough: sets of classes that hold the right one as often as "
        "promised, for images from the same source (conformal prediction)."
    )
    rows = tuple(
        (
            TableCell(text=f"{one.promised:g}", order=one.promised),
            TableCell(
                text=value(one.reached), detail=interval(one.reached), order=one.reached.value
            ),
            TableCell(text=f"{one.size:.2f}", order=one.size),
            TableCell(text=value(one.empty), detail=interval(one.empty), order=one.empty.value),
        )
        for one in sets
    )
    titles = ("Promised", "Held the right class", "Classes in a set, mean", "Empty")
    columns = tuple(Column(title=title, look="number") for title in titles)
    return (Sentence(text=lead), Table(title="Sets of classes", columns=columns, rows=rows))


def _rule(rule: Abstaining, facts: Facts) -> tuple[Block, ...]:
    judged = images(rule.coverage.n, facts.part)
    if facts.evaluation.task == "multi_label":
        judged = f"{counted(rule.coverage.n, 'decision')}, one for each image and label"
    items = [
        ("Answered", f"{value(rule.coverage)} of {judged}"),
        ("Of these right", f"{value(rule.accuracy)} ({interval(rule.accuracy)})"),
    ]
    if rule.outside is not None:
        said = f"{value(rule.outside)} of {images(rule.outside.n, '')}"
        items.append(("Images from elsewhere refused", said))
    return (Pairs(items=(*(_rules(rule)), *items)),)


def _rules(rule: Abstaining) -> tuple[tuple[str, str], ...]:
    return tuple((f"Says “{said}”", when) for said, when in rule.rules.items())


def _figure(curve: Curve) -> Figure:
    ends = f"from {curve.y[0]:.3f} to {curve.y[-1]:.3f}" if curve.y else "without points"
    svg = line_chart(
        [curve],
        x=Axis(label="share of images answered, the surest first"),
        y=axis_over([0.0, *_heights(curve)], label="share wrong"),
        words=Words(id="risk-coverage", title="Risk and coverage", description=f"Goes {ends}."),
    )
    caption = (
        "Go left from the full coverage at the right: if the least sure answers are left to a "
        "person, so many mistakes remain among the others."
    )
    return Figure(title="Mistakes by coverage", svg=svg, caption=caption)


def _heights(curve: Curve) -> list[float]:
    """Return what the axis must hold: all of the line, and its band but where few images are."""
    band = [high for x, high in zip(curve.x, curve.high, strict=False) if x >= _FEW]
    return [*curve.y, *band]


COVERAGE = Section[Facts](id="coverage", title="Answering only when sure", fill=_fill)

"""Each class: how often it is recognised, and how often its name is right."""

from __future__ import annotations

from sightline.evaluation import ClassScores, Estimate
from sightline.reporting.facts import Facts
from sightline.reporting.page.blocks import Album, Block, Column, Sentence, Table, TableCell
from sightline.reporting.page.charts import interval_bar
from sightline.reporting.page.markup import name
from sightline.reporting.page.section import Section
from sightline.reporting.page.sentences import interval, value

_COLUMNS = (
    Column(title="Class", look="name"),
    Column(title="Images", look="number"),
    Column(title="Precision", look="number"),
    Column(title="Recall", look="number"),
    Column(title="F1", look="number"),
    Column(title="F1 and its interval", look="bar"),
)


def _fill(facts: Facts, album: Album) -> tuple[Block, ...]:
    rows = tuple(_row(scores) for scores in facts.evaluation.per_class)
    table = Table(title="Figures by class", columns=_COLUMNS, rows=rows, sortable=True)
    return (
        Sentence(
            text="Precision: of the images given this class, the share that has it. Recall: of "
            "the images that have it, the share that is given it. F1 is their harmonic mean. "
            "A wide interval says that there are few images, not that the class is bad."
        ),
        table,
    )


def _row(scores: ClassScores) -> tuple[TableCell, ...]:
    return (
        TableCell(text=name(scores.name)),
        TableCell(text=f"{scores.support:,}", order=scores.support),
        *(_figure(one) for one in (scores.precision, scores.recall, scores.f1)),
        TableCell(text=interval_bar(scores.f1), order=scores.f1.value if scores.f1.defined else -1),
    )


def _figure(estimate: Estimate) -> TableCell:
    order = estimate.value if estimate.defined else -1.0
    return TableCell(text=value(estimate), order=order, detail=interval(estimate))


CLASSES = Section[Facts](id="classes", title="Class by class", fill=_fill)

"""What is taken for what, and the images in each cell."""

from __future__ import annotations

from markupsafe import Markup

from sightline.reporting.facts import Facts
from sightline.reporting.page.blocks import (
    Album,
    Block,
    Column,
    Heading,
    Raw,
    Sentence,
    Table,
    TableCell,
)
from sightline.reporting.page.markup import name, tag
from sightline.reporting.page.matrix import MOST_CELLS, draw_matrix, similarity_order
from sightline.reporting.page.section import Section
from sightline.reporting.page.sections.cell_images import (
    Galleries,
    cell_blocks,
    cell_galleries,
    cell_target,
    wanted_names,
)
from sightline.reporting.page.sentences import counted, interval, value

_WORST = 10
_MOST_ORDERED = 4000  # cells; a second drawing of more would make the file heavy


def _fill(facts: Facts, album: Album) -> tuple[Block, ...]:
    if facts.evaluation.task == "multi_label":
        said = "Each label is a decision of its own: whether an image has it."
        return (Sentence(text=said), _labels(facts))
    galleries = cell_galleries(facts, album)
    return (*_matrix(facts, galleries), *_worst(facts), *cell_blocks(facts, galleries))


def _matrix(facts: Facts, galleries: Galleries) -> tuple[Block, ...]:
    evaluation = facts.evaluation

    def link(row: int, column: int) -> str | None:
        return cell_target(row, column) if (row, column) in galleries else None

    orders = {"class": list(range(len(evaluation.classes)))}
    if int((evaluation.confusion > 0).sum()) <= _MOST_ORDERED:
        orders["similarity"] = similarity_order(evaluation.confusion)
    drawings = {
        word: draw_matrix(
            evaluation.confusion, evaluation.classes, order=order, link=link, id=f"matrix-{word}"
        )
        for word, order in orders.items()
    }
    click = " A click leads to some of its images." if galleries else ""
    blocks: list[Block] = [
        Sentence(
            text="Rows are what the images are, columns what the model says. Blue is right, "
            "orange is wrong; the stronger, the larger the share of the row. Hover over a cell for "
            f"its names and counts.{click}"
        ),
        Raw(markup=_switches({word: one.svg for word, one in drawings.items()})),
    ]
    left_out = drawings["class"].left_out
    if left_out:
        said = f"Only the {MOST_CELLS:,} fullest cells are drawn; "
        blocks.append(
            Sentence(text=said + f"{counted(left_out, 'image')} lie in others.", tone="note")
        )
    return tuple(blocks)


def _switches(drawings: dict[str, Markup]) -> Markup:
    """Return the drawings with radio buttons that need no script: order, and natural size."""
    words = {"class": "by class", "similarity": "by similarity"}
    controls = [_choice("zoom", "Size", {"fit": "whole", "full": "enlarged"})]
    if len(drawings) > 1:
        controls.insert(0, _choice("order", "Order", words))
    frames = [
        tag(
            "div",
            {
                "class": f"order-{word}",
                "tabindex": 0,
                "role": "group",
                "aria-label": f"Confusion matrix, {words[word]}",
            },
            svg,
        )
        for word, svg in drawings.items()
    ]
    return tag("div", {"class": "matrices"}, tag("div", {"class": "controls"}, *controls), *frames)


def _choice(group: str, title: str, words: dict[str, str]) -> Markup:
    """Return radio buttons for `words`, from what is chosen to its label; the first is chosen."""
    buttons = []
    for place, (word, label) in enumerate(words.items()):
        attributes = {
            "type": "radio",
            "name": group,
            "value": word,
            "checked": "checked" if place == 0 else None,
            "autocomplete": "off",
        }
        button = tag("input", attributes)
        buttons.append(tag("label", {"class": "choice"}, button, f" {label}"))
    return tag("fieldset", {}, tag("legend", {}, title), *buttons)


def _worst(facts: Facts) -> tuple[Block, ...]:
    worst = facts.evaluation.worst_confusions[:_WORST]
    if not worst:
        return (Sentence(text="No image was taken for another class."),)
    columns = (
        Column(title="What it is", look="name"),
        Column(title="What the model says", look="name"),
        Column(title="Images", look="number"),
        Column(title="Share of the class", look="number"),
    )
    rows = tuple(
        (
            TableCell(text=name(one.truth)),
            TableCell(text=name(one.answer)),
            TableCell(text=f"{one.count:,}", order=one.count),
            TableCell(text=value(one.share), order=one.share.value, detail=interval(one.share)),
        )
        for one in worst
    )
    return (
        Heading(text="The commonest confusions"),
        Table(title="The commonest confusions", columns=columns, rows=rows, sortable=True),
    )


def _labels(facts: Facts) -> Table:
    rows = []
    counts = facts.evaluation.confusion.tolist()
    for one, (absent, present) in zip(facts.evaluation.classes, counts, strict=True):
        figures = (present[1], present[0], absent[1])
        cells = (TableCell(text=f"{count:,}", order=count) for count in figures)
        rows.append((TableCell(text=name(one)), *cells))
    columns = (
        Column(title="Label", look="name"),
        *(Column(title=title, look="number") for title in ("Right", "Missed", "Given falsely")),
    )
    return Table(title="Right and wrong by label", columns=columns, rows=tuple(rows), sortable=True)


CONFUSION = Section[Facts](
    id="confusion",
    title="What is taken for what",
    fill=_fill,
    picture_bytes=1_300_000,
    names=wanted_names,
)

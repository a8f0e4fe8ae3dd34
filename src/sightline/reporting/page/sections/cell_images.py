"""The images in the cells of the confusion matrix, below it and where its links lead."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from sightline.reporting.facts import Cell, Facts
from sightline.reporting.page.blocks import (
    Album,
    Block,
    Folded,
    Gallery,
    Heading,
    Picture,
    Raw,
    Sentence,
)
from sightline.reporting.page.markup import joined, name, tag
from sightline.reporting.page.sentences import counted

Galleries = Mapping[tuple[int, int], Gallery]
"""From (row, column) of the matrix to the images there."""

_MOST_GROUPS = 30


def cell_galleries(facts: Facts, album: Album) -> Galleries:
    """Return the cells that have images to show, as far as there is room: mistakes first."""
    places = {one: place for place, one in enumerate(facts.evaluation.classes)}
    galleries = {}
    for cell in sorted(facts.cells or (), key=_rank):
        uris = [(one, album.uri(one)) for one in cell.names]
        pictures = tuple(Picture(uri=uri, name=one) for one, uri in uris if uri)
        if pictures and cell.truth in places and cell.answer in places:
            more = cell.count - len(pictures)
            at = places[cell.truth], places[cell.answer]
            galleries[at] = Gallery(pictures=pictures, more=more, size="small")
    return galleries


def cell_target(row: int, column: int) -> str:
    """Return what a link to the images of a cell leads to."""
    return f"cell-{row}-{column}"


def cell_blocks(facts: Facts, galleries: Galleries) -> tuple[Block, ...]:
    """Return the images, folded away class by class."""
    if not galleries:
        return ()
    said = "Of each cell a few images: of mistakes the surest, of right answers the least sure."
    filled = int((facts.evaluation.confusion > 0).sum())
    if filled > len(galleries):
        said += f" To keep this file small, {counted(filled - len(galleries), 'cell')} have none."
    rows = sorted({row for row, _ in galleries})
    groups: tuple[Block, ...] = tuple(_group(facts, row, galleries) for row in rows)
    if len(groups) > _MOST_GROUPS:
        title = f"The images of {counted(len(groups), 'class', 'classes')}"
        groups = (Folded(title=title, blocks=groups),)
    return (Heading(text="Images, cell by cell"), Sentence(text=said), *groups)


def wanted_names(facts: Facts) -> tuple[str, ...]:
    """Return the names of the images, those of mistakes first."""
    return tuple(one for cell in sorted(facts.cells or (), key=_rank) for one in cell.names)


def _group(facts: Facts, row: int, galleries: Galleries) -> Folded:
    counts = facts.evaluation.confusion[row]
    columns = [column for at, column in galleries if at == row]
    columns.sort(key=lambda column: (column == row, -counts[column], column))
    blocks: list[Block] = []
    for column in columns:
        title = _title(facts.evaluation.classes[column], int(counts[column]), hit=column == row)
        anchor = {"class": "cell-name", "id": cell_target(row, column)}
        blocks += [Raw(markup=tag("h4", anchor, title)), galleries[row, column]]
    right = int(counts[row])
    told = tag("span", {"class": "detail"}, f" {counts.sum() - right:,} wrong, {right:,} right")
    return Folded(title=joined([name(facts.evaluation.classes[row]), told]), blocks=tuple(blocks))


def _title(answer: str, count: int, *, hit: bool) -> Markup:
    said = ["answered right: "] if hit else ["taken for ", name(answer), ": "]
    return joined([*said, counted(count, "image")])


def _rank(cell: Cell) -> tuple[bool, int]:
    return (cell.truth == cell.answer, -cell.count)

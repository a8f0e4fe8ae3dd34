"""The mistakes that the model was surest of, with the images."""

from __future__ import annotations

from sightline.evaluation import Mistake
from sightline.reporting.facts import Facts
from sightline.reporting.page.blocks import Album, Gallery, Picture, Sentence
from sightline.reporting.page.markup import joined, names
from sightline.reporting.page.section import Content, NotRun, Section
from sightline.reporting.page.sections.beside import beside


def _fill(facts: Facts, album: Album) -> Content:
    if facts.mistakes is None:
        return NotRun(reason="only figures were given, not the answers to single images.")
    if not facts.mistakes:
        return (Sentence(text="No answer was wrong."),)
    lead = (
        "The wrong answers that the model was surest of. Look at the labels first: often they are "
        "wrong and not the answer."
    )
    pictures = tuple(_picture(one, album) for one in facts.mistakes)
    gallery = Gallery(pictures=pictures)
    return (Sentence(text=lead + beside(gallery, facts.heatmaps)), gallery)


def _picture(mistake: Mistake, album: Album) -> Picture:
    return Picture(
        uri=album.uri(mistake.name),
        overlay=album.overlay(mistake.name),
        name=mistake.name,
        lines=(
            joined(["says ", names(mistake.answer), f", {mistake.confidence:.0%} sure"]),
            joined(["labelled ", names(mistake.labels)]),
        ),
    )


def _names(facts: Facts) -> tuple[str, ...]:
    return tuple(one.name for one in facts.mistakes or ())


MISTAKES = Section[Facts](
    id="mistakes", title="The surest mistakes", fill=_fill, picture_bytes=500_000, names=_names
)

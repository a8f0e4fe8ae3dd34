"""Labels that are probably wrong, with the images."""

from __future__ import annotations

from sightline.reporting.facts import Doubt, Facts
from sightline.reporting.page.blocks import Album, Gallery, Picture, Sentence
from sightline.reporting.page.markup import joined, name
from sightline.reporting.page.section import Content, NotRun, Section


def _fill(facts: Facts, album: Album) -> Content:
    if facts.doubts is None:
        return NotRun(reason="labels were not examined.")
    if not facts.doubts:
        return (Sentence(text="No label is doubtful."),)
    lead = (
        "Labels that model and images contradict, the most doubtful first. A label score of 0 is "
        "surely wrong, 1 surely right."
    )
    pictures = tuple(_picture(one, album) for one in facts.doubts)
    return (Sentence(text=lead), Gallery(pictures=pictures))


def _picture(doubt: Doubt, album: Album) -> Picture:
    return Picture(
        uri=album.uri(doubt.name),
        overlay=album.overlay(doubt.name),
        name=doubt.name,
        lines=(
            joined(["labelled ", name(doubt.label), f", score {doubt.score:.2f}"]),
            joined(["perhaps ", name(doubt.suggestion)]),
        ),
    )


def _names(facts: Facts) -> tuple[str, ...]:
    return tuple(one.name for one in facts.doubts or ())


DOUBTS = Section(
    id="doubts", title="Doubtful labels", fill=_fill, picture_bytes=400_000, names=_names
)

"""Labels that are probably wrong, with the images."""

from __future__ import annotations

from sightline.auditing import Suspicion
from sightline.reporting.facts import DataFacts
from sightline.reporting.page.blocks import Album, Gallery, Picture, Sentence
from sightline.reporting.page.markup import joined, name, tag
from sightline.reporting.page.section import Content, NotRun, Section
from sightline.reporting.page.sections.beside import beside
from sightline.reporting.page.sentences import counted

_SHOWN = 24


def _fill(facts: DataFacts, album: Album) -> Content:
    doubts = facts.doubts
    if doubts is None:
        return NotRun(reason="labels were not examined; `sightline report --thorough` does.")
    if not doubts:
        return (Sentence(text=f"No label is more probably wrong than right. {facts.doubts_by}"),)
    lead = (
        f"More probably wrong than right: {counted(len(doubts), 'label')}, the most doubtful "
        f"first. Each image was judged by a fit to the others. {facts.doubts_by}"
    )
    said = (
        "From the label to what it rather is, with the probability that the label is wrong. A "
        "reason to look, no verdict: unusual pictures are among them."
    )
    pictures = tuple(_picture(one, facts, album) for one in doubts[:_SHOWN])
    gallery = Gallery(pictures=pictures, more=len(doubts) - len(pictures))
    said += beside(gallery, facts.heatmaps)
    return (Sentence(text=lead), Sentence(text=said), gallery)


def _picture(doubt: Suspicion, facts: DataFacts, album: Album) -> Picture:
    arrow = tag("span", {"aria-label": "rather"}, " → ")
    place = facts.places.get(doubt.name)
    split = f", {place.split}" if place else ""
    return Picture(
        uri=album.uri(doubt.name),
        overlay=album.overlay(doubt.name),
        name=doubt.name,
        lines=(
            joined([name(doubt.given), arrow, name(doubt.suggested)]),
            f"wrong: {doubt.wrong:.2f}{split}",
        ),
    )


def _names(facts: DataFacts) -> tuple[str, ...]:
    return tuple(one.name for one in (facts.doubts or ())[:_SHOWN])


DOUBTS = Section[DataFacts](
    id="doubts", title="Doubtful labels", fill=_fill, picture_bytes=500_000, names=_names
)

from __future__ import annotations

from dataclasses import replace

from sightline.auditing import Suspicion
from sightline.reporting.facts import DataFacts, Place
from sightline.reporting.page import render_page
from sightline.reporting.thumbnails import Pictures

from ..reading import Reader

DOUBT = Suspicion(
    name="1.png",
    given="hat",
    suggested="shoe",
    wrong=0.974,
    given_probability=0.01,
    suggested_probability=0.9,
)


def test_a_doubt_names_both_classes_and_how_probable_it_is() -> None:
    facts = DataFacts(
        title="x",
        doubts=(DOUBT,),
        doubts_by="The features are those of a network.",
        places={"1.png": Place(labels=("hat",), split="test")},
        heatmaps="occlusion",
    )
    words = Reader(render_page(facts)).words
    assert "hat → shoe" in words
    assert "wrong: 0.97, test" in words
    assert "1 label, the most doubtful first" in words
    assert "The features are those of a network." in words
    assert "occlusion" not in words, "no heatmap is shown"
    both = Pictures(thumbnails={"1.png": b"x"}, overlays={"1.png": b"y"})
    reader = Reader(render_page(facts, pictures=both))
    assert "speaks for the model's own answer (occlusion)" in reader.words
    assert len(reader.all("img")) == 2


def test_many_doubts_are_cut_and_counted() -> None:
    many = tuple(replace(DOUBT, name=f"{number}.png") for number in range(30))
    words = Reader(render_page(DataFacts(title="x", doubts=many))).words
    assert words.count("hat → shoe") == 24
    assert "and 6 more" in words


def test_no_doubt_is_told_from_no_look() -> None:
    assert "No label is more probably wrong" in render_page(DataFacts(title="x", doubts=()))
    unseen = DataFacts(title="x", reasons={"doubts": "it rained."})
    assert "Not run: it rained." in Reader(render_page(unseen)).words

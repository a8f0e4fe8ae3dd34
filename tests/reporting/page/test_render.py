from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace

import numpy as np
import pytest

from sightline.dataset import Finding
from sightline.errors import ImageError
from sightline.evaluation import evaluate, mistakes
from sightline.predictions import Predictions
from sightline.reporting.card import Card
from sightline.reporting.facts import Facts, Look
from sightline.reporting.page import REPORT, names_wanted, render_page
from sightline.reporting.page.render import _source
from sightline.reporting.thumbnails import Pictures

from .reading import Reader
from .samples import FINE, all_facts, answers, some_facts, some_pictures

HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "' onload='alert(1)",
    "</style><style>*{display:none}",
    "{{ 7 * 7 }}{% raw %}",
    "\u202egpj.exe",
    "line\nbreak\ttab\x00\x1b[31m",
    "bytes \udcff\udcfe",
    "&lt;&#60;&amp;",
    "x" * 300,
    "javascript:alert(1)",
    "أحذية",
)


def hostile() -> Facts:
    facts = all_facts(HOSTILE, n=300)
    return replace(
        facts,
        title=HOSTILE[0],
        model=HOSTILE[1],
        data=HOSTILE[6],
        card=Card(limits=HOSTILE, name=(HOSTILE[0],)),
        findings=(Finding(check="leak", severity="error", message=HOSTILE[0], paths=HOSTILE),),
        looks=(Look(when="", command=HOSTILE[1]),),
        reasons={"slices": HOSTILE[0]},
        slices=None,
    )


@pytest.fixture(scope="module")
def page() -> str:
    facts = all_facts()
    return render_page(facts, pictures=some_pictures(facts))


def test_the_page_is_well_formed_and_every_section_is_there(page: str) -> None:
    reader = Reader(page)
    assert reader.faults == []
    assert len(reader.ids) == len(set(reader.ids))
    assert [one["id"] for one in reader.all("section")] == list(REPORT.sections)
    links = {one["href"] for one in reader.all("a")}
    assert {f"#{name}" for name in REPORT.sections} <= links
    assert {link.removeprefix("#") for link in links} <= set(reader.ids)
    assert any(link.startswith("#cell-") for link in links)


def test_the_page_fetches_nothing(page: str) -> None:
    reader = Reader(page)
    assert reader.fetched == []
    assert reader.all("link") == reader.all("iframe") == reader.all("object") == []
    assert len(reader.all("script")) == 1
    style = _source("page.css")
    assert "url(" not in style
    assert "@import" not in style
    addresses = set(re.findall(r"\w+://[^\s\"'<]+", page))
    assert addresses == set()


def test_only_our_own_script_may_run(page: str) -> None:
    policy = next(one for one in Reader(page).all("meta") if "http-equiv" in one)["content"]
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    events = [name for _, one in Reader(page).elements for name in one if name.startswith("on")]
    assert events == []


def test_names_of_strangers_are_never_markup() -> None:
    facts = hostile()
    page = render_page(facts, pictures=some_pictures(facts))
    page.encode()  # not a byte that is not UTF-8
    reader = Reader(page)
    assert reader.faults == []
    assert reader.fetched == []
    assert len(reader.all("script")) == len(reader.all("style")) == 1
    plain = replace(all_facts(n=300), slices=None)
    tame = Reader(render_page(plain, pictures=some_pictures(plain)))
    assert {tag for tag, _ in reader.elements} <= {tag for tag, _ in tame.elements}
    attributes = [{name for _, one in each.elements for name in one} for each in (reader, tame)]
    assert attributes[0] <= attributes[1]
    for hidden in ("\u202e", "\x00", "\x1b", "\udcff"):
        assert hidden not in page
    assert "\\u202egpj.exe" in reader.words
    assert "{{ 7 * 7 }}" in reader.words
    assert "<script>alert(1)</script>" in reader.words
    assert "أحذية" in reader.words


def test_what_was_not_looked_at_is_said() -> None:
    page = render_page(some_facts(reasons={"stress": "there was no time."}))
    reader = Reader(page)
    assert reader.faults == []
    shown = [one["id"] for one in reader.all("section")]
    assert shown == ["summary", "classes", "confusion", "mistakes", "not-run"]
    for name, section in REPORT.sections.items():
        assert name in shown or section.title in reader.words
    assert "Not run: there was no time." in reader.words
    assert "Not run: calibration was not measured." in reader.words


def test_the_headline_says_what_the_figure_means() -> None:
    predictions = Predictions(
        task="multi_class",
        classes=("a", "b"),
        names=tuple("12345"),
        probabilities=np.float32([[0.9, 0.1]] * 3 + [[0.2, 0.8]] + [[np.nan] * 2]),
        errors={4: ImageError("broken")},
    )
    evaluation = evaluate(predictions, [("a",), ("a",), ("b",), ("b",), ("a",)])
    words = Reader(render_page(Facts(title="x", part="test", evaluation=evaluation))).words
    # Wilson's limits of 3 of 4 are 0.3006 and 0.9544.
    assert (
        "Right for 3 of 4 test images: 0.750, and between 0.30 and 0.96 if other images from the "
        "same source had been drawn." in words
    )
    assert "1 image could not be answered and are in no figure." not in words
    assert "1 image could not be answered and is in no figure." in words


def test_the_same_facts_give_the_same_page(page: str) -> None:
    facts = all_facts()
    assert render_page(facts, pictures=some_pictures(facts)) == page


def test_many_classes_stay_readable_and_small() -> None:
    classes = tuple(f"class {number:03}" for number in range(100))
    facts = all_facts(classes, n=3000)
    heavy = {name: b"\xff" * 6000 for name in names_wanted(facts)}
    page = render_page(facts, pictures=Pictures(thumbnails=heavy))
    assert len(page) < 5_000_000
    assert "To keep this file small" in page
    reader = Reader(page)
    assert reader.faults == []
    assert {one["href"].removeprefix("#") for one in reader.all("a")} <= set(reader.ids)


def test_several_labels() -> None:
    chosen, labels = answers(n=60)
    predictions = Predictions(
        task="multi_label",
        classes=FINE,
        names=chosen.names,
        probabilities=chosen.probabilities,
        threshold=0.3,
    )
    facts = Facts(
        title="labels",
        evaluation=evaluate(predictions, labels),
        mistakes=mistakes(predictions, labels, 4),
    )
    reader = Reader(render_page(facts))
    assert reader.faults == []
    assert "Given falsely" in reader.words
    assert "All labels right" in reader.words


def test_no_images_at_all() -> None:
    predictions, _ = answers(n=2)
    facts = Facts(title="none", evaluation=evaluate(predictions[:0], []), cells=(), mistakes=())
    reader = Reader(render_page(facts))
    assert reader.faults == []
    assert "No image was judged" in reader.words


def test_images_are_wanted_where_they_would_be_shown(page: str) -> None:
    facts = all_facts()
    wanted = names_wanted(facts)
    assert len(set(wanted)) == len(wanted)
    assert {one.name for one in facts.mistakes or ()} <= set(wanted)
    assert {name for cell in facts.cells or () for name in cell.names} <= set(wanted)
    assert len(Reader(page).all("img")) >= len(wanted)


# Colours


def colours(dark: bool) -> dict[str, str]:
    blocks = re.findall(r":root \{(.*?)\}", _source("page.css"), re.DOTALL)
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", blocks[1 if dark else 0]))


def contrast(one: str, other: str) -> float:
    """Return the ratio of WCAG 2.2."""

    def luminance(colour: str) -> float:
        levels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (
            level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4
            for level in levels
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_by_hand() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_can_be_read_in_light_and_dark(dark: bool) -> None:
    of = colours(dark)
    for ink in ("ink", "soft", "accent", "good", "open", "bad"):
        assert contrast(of[ink], of["paper"]) >= 4.5, ink
        assert contrast(of[ink], of["wash"]) >= 4.5, ink
    for kind in ("hit", "miss"):
        for step in range(1, 7):
            ink = of["low-ink" if step <= 3 else "high-ink"]
            assert contrast(of[f"{kind}{step}"], ink) >= 4.5, (kind, step)
    for line in range(6):
        assert contrast(of[f"s{line}"], of["paper"]) >= 3, line  # WCAG 1.4.11, graphics

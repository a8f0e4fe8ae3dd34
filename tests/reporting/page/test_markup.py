from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from sightline.reporting.page.markup import joined, name, names, prose, shortened, tag

HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
STRANGE = st.text(
    st.one_of(st.characters(), st.sampled_from("<>\"'&\u202e\n\x00\u2028")), max_size=120
)


@settings(deadline=None)  # a loaded machine is no failure
@given(STRANGE)
def test_nothing_of_a_name_is_markup_or_control(value: str) -> None:
    shown = name(value)
    inner = shown.removeprefix("<bdi").removesuffix("</bdi>")
    assert "<" not in inner
    assert inner.count(">") == 1  # the end of the start tag
    assert HIDDEN.isdisjoint(map(unicodedata.category, shown))
    at = tag("p", {"title": value})
    assert at.count('"') == 2
    assert HIDDEN.isdisjoint(map(unicodedata.category, at))


def test_an_element_has_escaped_attributes_and_content() -> None:
    made = tag("text", {"x": 1.50001, "y": 2, "class": None, "title": '"<'}, "a & b", Markup("<i>"))
    assert made == '<text x="1.5" y="2" title="&#34;&lt;">a &amp; b<i></text>'
    assert tag("input", {"checked": "checked"}) == '<input checked="checked">'


@pytest.mark.parametrize(("length", "shown"), [(80, 80), (81, 80), (300, 80)])
def test_a_very_long_name_is_short_and_whole_on_hover(length: int, shown: int) -> None:
    made = name("x" * length)
    assert len(made.striptags()) == shown
    assert ("title=" in made) == (length > shown)
    assert ("x" * length in made) or length <= shown


def test_names_and_parts_are_joined() -> None:
    assert names([]) == "none"
    assert names(["a", "<"]) == "<bdi>a</bdi>, <bdi>&lt;</bdi>"
    assert joined(["<", Markup("<b>"), 3]) == "&lt;<b>3"
    assert shortened("abc  defgh", 6) == "abc…"


def test_words_between_backticks_are_code() -> None:
    assert prose("run `a <b>` now") == "run <code>a &lt;b&gt;</code> now"

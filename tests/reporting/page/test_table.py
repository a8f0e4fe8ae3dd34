from __future__ import annotations

import re

import pytest

from sightline.reporting.page import AUDIT, REPORT, NotRun
from sightline.reporting.page.blocks import Album
from sightline.reporting.page.table import sections_by_id

from .samples import all_facts, some_facts

EMPTY = Album(thumbnails={})
SECTIONS = REPORT.sections


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_has_content_where_there_are_facts(name: str) -> None:
    blocks = SECTIONS[name].fill(all_facts(), EMPTY)
    assert not isinstance(blocks, NotRun)
    assert blocks
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)


def test_a_section_without_facts_says_why() -> None:
    found = {name: one.fill(some_facts(), EMPTY) for name, one in SECTIONS.items()}
    missing = {name for name, content in found.items() if isinstance(content, NotRun)}
    assert set(SECTIONS) - missing == {"summary", "classes", "confusion", "mistakes"}
    for content in found.values():
        if isinstance(content, NotRun):
            assert re.fullmatch(r"[a-z].+\.", content.reason)


def test_a_section_that_stands_twice_is_refused() -> None:
    summary = SECTIONS["summary"]
    with pytest.raises(ValueError, match="two sections are called 'summary'"):
        sections_by_id([summary, summary])


def test_a_page_of_the_data_has_the_same_sections_in_the_same_order() -> None:
    shared = [name for name in SECTIONS if name in AUDIT.sections]
    assert list(AUDIT.sections) == shared == ["data", "findings", "doubts"]
    assert all(SECTIONS[name] is AUDIT.sections[name] for name in shared)

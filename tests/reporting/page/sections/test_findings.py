from __future__ import annotations

import re

import pytest

from sightline.auditing import NotRun
from sightline.dataset import Finding
from sightline.reporting.facts import DataFacts, Place
from sightline.reporting.page import render_page
from sightline.reporting.page.blocks import Album, Folded, Verdict, Verdicts
from sightline.reporting.page.sections.findings import FINDINGS
from sightline.reporting.thumbnails import Pictures

from ..reading import Reader


def finding(check: str, severity: str, *paths: str, fix: str = "keep one") -> Finding:
    message = f"{check} of {len(paths)}."
    return Finding(check=check, severity=severity, message=message, paths=paths, fix=fix)


def verdicts(facts: DataFacts) -> tuple[Verdict, ...]:
    content = FINDINGS.fill(facts, Album(thumbnails={}))
    assert isinstance(content, tuple)
    return next(block.items for block in content if isinstance(block, Verdicts))


def test_findings_of_a_check_stand_together_the_worst_first() -> None:
    facts = DataFacts(
        title="x",
        findings=(
            finding("duplicate", "warning", "1", "2"),
            finding("leak", "error", "3", "4"),
            finding("blank", "info", "9"),
            finding("duplicate", "warning", "5", "6"),
            finding("leak", "warning", "7", "8"),
        ),
    )
    found = verdicts(facts)
    titles = [re.sub("<.*?>", "", one.title) for one in found]
    assert titles == ["leak", "duplicate 2 times", "leak", "blank"]
    assert [one.word for one in found] == ["error", "warning", "warning", "remark"]
    # What to do is the same for both, and said once.
    assert [len(one.blocks) for one in found] == [2, 3, 2, 2]


@pytest.mark.parametrize(("number", "shown"), [(20, 20), (21, 20), (500, 20)])
def test_a_check_with_many_findings_does_not_bury_the_others(number: int, shown: int) -> None:
    many = tuple(finding("duplicate", "warning", f"{k}a", f"{k}b") for k in range(number))
    facts = DataFacts(title="x", findings=(*many, finding("blank", "warning", "last")))
    words = Reader(render_page(facts)).words
    assert words.count("duplicate of 2") == shown
    assert (f"And {number - shown:,} more" in words) == (number > shown)
    assert "blank of 1" in words
    assert len(FINDINGS.names(facts)) == 2 * shown + 1


def test_copies_stand_side_by_side_with_their_labels_and_splits() -> None:
    facts = DataFacts(
        title="x",
        findings=(finding("conflict", "error", "a/1.png", "b/2.png"),),
        places={
            "a/1.png": Place(labels=("hat",), split="train"),
            "b/2.png": Place(labels=(), split="test"),
        },
    )
    pictures = Pictures(thumbnails={"a/1.png": b"one", "b/2.png": b"other"})
    reader = Reader(render_page(facts, pictures=pictures))
    assert reader.faults == []
    assert len(reader.all("img")) == 2
    for words in ("hat, train", "none, test", "a/1.png", "b/2.png"):
        assert words in reader.words


def test_what_could_not_run_is_listed_even_where_nothing_was_found() -> None:
    skipped = NotRun(check="near_leak", reason="needs `more` <images>")
    content = FINDINGS.fill(
        DataFacts(title="x", findings=(), not_run=(skipped,)), Album(thumbnails={})
    )
    assert isinstance(content, tuple)
    folded = content[-1]
    assert isinstance(folded, Folded) and folded.title == "1 check could not run"
    reader = Reader(render_page(DataFacts(title="x", findings=(), not_run=(skipped,))))
    assert "The audit found nothing." in reader.words
    assert "needs more <images>" in reader.words

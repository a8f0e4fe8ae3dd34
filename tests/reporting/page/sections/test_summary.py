"""What is read first."""

from __future__ import annotations

from dataclasses import replace

from sightline.evaluation import wilson
from sightline.reporting import facts as part
from sightline.reporting.page import render_page

from ..reading import Reader
from ..samples import some_facts


def test_answers_that_the_rules_withhold_are_told() -> None:
    facts = replace(
        some_facts(),
        abstaining=part.Abstaining(
            rules={"unsure": "below a confidence of 0.9"},
            coverage=wilson(47, 100),
            accuracy=wilson(47, 47),
        ),
    )
    assert "answers 0.470 of 100 test images" in Reader(render_page(facts)).words
    silent = replace(facts, abstaining=None)
    assert "rules withhold" not in Reader(render_page(silent)).words

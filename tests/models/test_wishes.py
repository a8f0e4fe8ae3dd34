"""Wishes that follow one another, and as JSON."""

from __future__ import annotations

import pytest

from sightline.models.wishes import Wish

NAMES = ("defect", "fine")


@pytest.mark.parametrize(
    "wish",
    [Wish(), Wish(max_error=0.1), Wish(coverage=0.5, aims=("f1[fine]",)), Wish(answer_all=True)],
)
def test_a_wish_is_its_json_again(wish: Wish) -> None:
    assert Wish.from_json(wish.to_json()) == wish
    assert Wish().to_json() == {}


@pytest.mark.parametrize(
    ("task", "earlier", "now", "both"),
    [
        ("multi_class", Wish(max_error=0.1), Wish(coverage=0.9), Wish(coverage=0.9)),
        ("multi_class", Wish(max_error=0.1), Wish(answer_all=True), Wish(answer_all=True)),
        # A limit was shown for the answers that another threshold gave.
        ("multi_class", Wish(max_error=0.1), Wish(aims=("f1[fine]",)), Wish(aims=("f1[fine]",))),
        (
            "multi_class",
            Wish(aims=("f1[fine]",)),
            Wish(max_error=0.1),
            Wish(max_error=0.1, aims=("f1[fine]",)),
        ),
        (
            "multi_class",
            Wish(aims=("f1[fine]",)),
            Wish(aims=("f1[defect]",)),
            Wish(aims=("f1[defect]",)),
        ),
        (
            "multi_label",
            Wish(aims=("f1[fine]",)),
            Wish(aims=("recall[defect]>=0.9",)),
            Wish(aims=("f1[fine]", "recall[defect]>=0.9")),
        ),
    ],
)
def test_what_is_wished_for_in_all(task: str, earlier: Wish, now: Wish, both: Wish) -> None:
    assert now.after(earlier, NAMES, task) == both  # type: ignore[arg-type]

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.evaluation import evaluate
from sightline.reporting.page import matrix
from sightline.reporting.page.matrix import draw_matrix, similarity_order

from .samples import answers


def drawn(confusion: Any, classes: list[str], order: list[int], links: bool = True) -> ET.Element:
    drawing = draw_matrix(
        np.asarray(confusion, np.int64),
        classes,
        order=order,
        link=lambda row, column: f"to-{row}-{column}" if links else None,
        id="m",
    )
    return ET.fromstring(drawing.svg)


def cells(root: ET.Element) -> list[tuple[float, float, str, str, str]]:
    """Return x, y, title, look and link of each cell."""
    found = []
    for one in root:
        if one.tag in ("a", "g"):
            rect = one[0]
            title = "".join(rect.itertext())
            place = float(rect.get("x", "")), float(rect.get("y", ""))
            found.append((*place, title, one.get("class", ""), one.get("href", "")))
    return found


CONFUSION = [[8, 2, 0], [0, 5, 0], [1, 0, 0]]


def test_each_cell_that_holds_something_is_named_counted_and_linked() -> None:
    found = cells(drawn(CONFUSION, ["ant", "bee", "cat"], [0, 1, 2]))
    assert [(title, link) for *_, title, _, link in found] == [
        ("ant: 8 of 10 (80%) right", "#to-0-0"),
        ("ant taken for bee: 2 of 10 (20%)", "#to-0-1"),
        ("bee: 5 of 5 (100%) right", "#to-1-1"),
        ("cat taken for ant: 1 of 1 (100%)", "#to-2-0"),
    ]
    assert [look for *_, look, _ in found] == ["hit5", "miss3", "hit6", "miss6"]
    xs, ys = ([cell[axis] for cell in found] for axis in (0, 1))
    assert xs[0] < xs[1] == xs[2]
    assert ys[0] == ys[1] < ys[2] < ys[3]


def test_another_order_moves_rows_and_columns_alike() -> None:
    plain = {cell[2]: cell[:2] for cell in cells(drawn(CONFUSION, ["a", "b", "c"], [0, 1, 2]))}
    turned = {cell[2]: cell[:2] for cell in cells(drawn(CONFUSION, ["a", "b", "c"], [2, 1, 0]))}
    assert set(plain) == set(turned)
    places = sorted({x for x, _ in plain.values()})
    for title, (x, y) in plain.items():
        moved = turned[title]
        assert moved[0] - places[0] == pytest.approx(2 * (places[1] - places[0]) - x + places[0])
        assert moved[1] != y or "b" in title


def test_without_images_nothing_is_a_link() -> None:
    found = cells(drawn(CONFUSION, ["a", "b", "c"], [0, 1, 2], links=False))
    assert {link for *_, link in found} == {""}


@pytest.mark.parametrize(("k", "counts", "names"), [(10, True, True), (100, False, True),
                                                    (400, False, False)])  # fmt: skip
def test_numbers_and_names_are_shown_where_they_can_be_read(
    k: int, counts: bool, names: bool
) -> None:
    root = drawn(np.eye(k) * 7, [f"class {number}" for number in range(k)], list(range(k)))
    texts = ["".join(one.itertext()) for one in root.iter("text")]
    assert ("7" in texts) == counts
    assert (sum("class 3" in text for text in texts) >= 2) == names


def test_the_rarest_confusions_are_left_out_of_a_huge_matrix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(matrix, "MOST_CELLS", 3)
    drawing = draw_matrix(
        np.array(CONFUSION), ["a", "b", "c"], order=[0, 1, 2], link=lambda *_: None, id="m"
    )
    assert drawing.left_out == 1
    assert len(cells(ET.fromstring(drawing.svg))) == 3


def test_classes_taken_for_each_other_stand_side_by_side() -> None:
    """Blocks of confused classes, shuffled, come out as blocks."""
    random = np.random.default_rng(0)
    blocks = np.repeat(np.arange(4), 5)
    shuffled = random.permutation(20)
    likeness = np.where(blocks[:, None] == blocks[None, :], 6, 0) + 40 * np.eye(20, dtype=int)
    confusion = likeness[np.ix_(shuffled, shuffled)]
    ordered = blocks[shuffled][similarity_order(confusion)]
    assert (np.diff(ordered) != 0).sum() == 3


def test_a_chain_of_confusions_comes_out_as_a_chain() -> None:
    """Each class is taken for its neighbours only: the order is known, but for its direction."""
    random = np.random.default_rng(1)
    chain = 50 * np.eye(12, dtype=int) + 9 * (
        np.eye(12, k=1, dtype=int) + np.eye(12, k=-1, dtype=int)
    )
    shuffled = random.permutation(12)
    order = [int(shuffled[index]) for index in similarity_order(chain[np.ix_(shuffled, shuffled)])]
    assert order in (list(range(12)), list(range(11, -1, -1)))


def test_chance_confusions_do_not_hide_the_order() -> None:
    """A chain under noise: nearly as many confusions lie near the diagonal as in the true order."""

    def near(confusion: np.ndarray) -> float:
        places = np.arange(len(confusion))
        apart = np.abs(places[:, None] - places[None, :])
        return float(confusion[(apart > 0) & (apart <= 3)].sum() / confusion[apart > 0].sum())

    predictions, labels = answers(tuple(f"{number:02}" for number in range(100)), n=4000)
    confusion = evaluate(predictions, labels).confusion
    shuffled = np.random.default_rng(0).permutation(100)
    mixed = confusion[np.ix_(shuffled, shuffled)]
    order = similarity_order(mixed)
    assert near(mixed) < 0.1
    assert near(mixed[np.ix_(order, order)]) > 0.95 * near(confusion)


@settings(deadline=None)  # a loaded machine is no failure
@given(st.integers(0, 12), st.integers(0, 2**32 - 1))
def test_an_order_is_always_an_order(k: int, seed: int) -> None:
    confusion = np.random.default_rng(seed).poisson(0.3, (k, k))
    assert sorted(similarity_order(confusion)) == list(range(k))
    assert similarity_order(confusion) == similarity_order(confusion.copy())

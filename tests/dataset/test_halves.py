from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.dataset import Row
from sightline.dataset.halves import FEWEST_TO_CALIBRATE, calibrating
from sightline.images import FileSource


def row(name: str, label: str) -> Row:
    return Row(source=FileSource(Path(name), name), labels=(label,), split="validation")


def rows_of(counts: dict[str, int]) -> list[Row]:
    return [row(f"{label}/{i}", label) for label, count in counts.items() for i in range(count)]


def test_half_of_each_class_calibrates():
    rows = rows_of({"a": 100, "b": 31, "c": 2, "d": 1})
    chosen = calibrating(rows, [each.name for each in rows])
    counts = Counter(each.labels[0] for each, own in zip(rows, chosen, strict=True) if own)
    assert counts["a"] == 50 and counts["b"] in (15, 16) and counts["c"] == 1
    assert 66 <= sum(chosen) <= 68


def test_few_images_all_choose():
    rows = rows_of({"a": FEWEST_TO_CALIBRATE - 1})
    assert not any(calibrating(rows, [each.name for each in rows]))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from("abc")), min_size=60, max_size=90))
def test_groups_stay_together_and_the_order_plays_no_part(pairs):
    rows = [row(f"{i}", label) for i, (_, label) in enumerate(pairs)]
    groups = [str(group) for group, _ in pairs]
    chosen = calibrating(rows, groups)
    sides = defaultdict(set)
    for group, own in zip(groups, chosen, strict=True):
        sides[group].add(own)
    assert all(len(side) == 1 for side in sides.values())
    assert calibrating(rows[::-1], groups[::-1]) == chosen[::-1]
    largest = max(Counter(groups).values())
    assert abs(2 * sum(chosen) - len(rows)) <= 3 * largest


def test_what_chose_once_never_calibrates():
    rows = rows_of({"a": 80, "b": 80})
    groups = [each.name for each in rows]
    first = calibrating(rows, groups)
    # The same halves again, and new images are shared out.
    more = [*rows, *rows_of({"c": 60})]
    earlier = [*first, *[None] * 60]
    second = calibrating(more, [each.name for each in more], earlier=earlier)
    assert second[:160] == first
    assert sum(second[160:]) == 30
    # An image joined the group of one that chose.
    place = first.index(False)
    joined = calibrating(more, [*groups, *[groups[place]] * 60], earlier=earlier)
    assert not any(joined[160:])


def test_where_all_chose_none_calibrates():
    rows = rows_of({"a": 100})
    groups = [each.name for each in rows]
    assert not any(calibrating(rows, groups, earlier=[False] * 100))
    few = [False] * 90 + [None] * 10
    assert not any(calibrating(rows, groups, earlier=few))

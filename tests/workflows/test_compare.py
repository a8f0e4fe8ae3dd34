from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sightline.dataset import Content, Dataset, RecordRow, Row
from sightline.errors import ConfigError, DataError
from sightline.images import ArraySource, BytesSource, Preprocessing
from sightline.inference.runner import Outputs
from sightline.models.bundle import Rules
from sightline.workflows.compare import compare_runners, select_both
from sightline.workflows.evaluate import Selection


def data(**labels: str) -> tuple[Dataset, tuple[Content, ...]]:
    rows = tuple(
        Row(source=BytesSource(b"", name), labels=(label,)) for name, label in labels.items()
    )
    dataset = Dataset(rows=rows, classes=tuple(sorted(set(labels.values()))))
    return dataset, tuple(Content(digest=f"digest of {name}", size=1) for name in labels)


def record(**splits: str) -> tuple[RecordRow, ...]:
    return tuple(
        RecordRow(f"digest of {name}", ("a",), None, split, name) for name, split in splits.items()
    )


FIRST = record(both="test", seen="test", chose="test", only="test", gone="test", val="validation")
SECOND = record(both="test", seen="train", chose="validation", gone="test", val="validation")
GIVEN = {"both": "a", "seen": "a", "chose": "a", "only": "a", "val": "a", "neither": "a"}


def names(selection: Selection) -> list[str]:
    return [row.name for row in selection.rows]


def test_only_what_both_hold_out_is_compared_and_the_rest_is_counted() -> None:
    selection = select_both(*data(**GIVEN), (FIRST, SECOND), on="test")
    assert names(selection) == ["both"]
    # `only` is on one record, `neither` on none; `chose` and `val` belong to validation.
    assert (selection.seen, selection.new, selection.other) == (1, 2, 2)
    assert selection.missing == ("gone",)


def test_the_order_of_the_models_plays_no_part() -> None:
    for on in ("test", "validation", "new"):
        one = select_both(*data(**GIVEN), (FIRST, SECOND), on=on)
        assert one == select_both(*data(**GIVEN), (SECOND, FIRST), on=on)
        assert len(one.rows) + one.seen + one.new + one.other == len(GIVEN)


def test_new_images_are_new_to_both() -> None:
    assert names(select_both(*data(**GIVEN), (FIRST, SECOND), on="new")) == ["neither"]
    assert names(select_both(*data(**GIVEN), (FIRST, SECOND), on="validation")) == ["val"]


def test_another_label_than_on_either_record_is_told() -> None:
    relabelled = SECOND[0]._replace(labels=("b",))
    selection = select_both(*data(both="a"), (FIRST, (relabelled, *SECOND[1:])), on="test")
    assert selection.relabelled == ("both",)


def test_nothing_in_common_says_why() -> None:
    with pytest.raises(DataError, match="1 were trained on by one of them, 1 are not on") as caught:
        select_both(*data(seen="a", only="a"), (FIRST, SECOND), on="test")
    assert caught.value.code == "nothing_to_compare"
    assert "--on new" in str(caught.value.fix)


def test_other_parts_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        select_both(*data(both="a"), (FIRST, SECOND), on="train")
    assert caught.value.code == "trained_on"
    with pytest.raises(ConfigError, match="Did you mean 'test'") as caught:
        select_both(*data(both="a"), (FIRST, SECOND), on="tset")
    assert caught.value.fix == "use one of these names"


class Threshold:
    """Says "dark" below a level of grey; its classes stand in the order it is given."""

    task: Any = "multi_class"
    rules = Rules()
    preprocessing = Preprocessing(height=2, width=2, channels=1)

    def __init__(self, level: int, classes: tuple[str, ...] = ("dark", "light")) -> None:
        self.level, self.classes = level, classes

    def run(self, pixels: np.ndarray) -> Outputs:
        light = pixels.mean(axis=(1, 2, 3)) >= self.level
        rows = np.array([self.classes.index("light" if one else "dark") for one in light])
        probabilities = np.eye(len(self.classes), dtype=np.float32)[rows]
        return Outputs(probabilities=probabilities, logits=probabilities)


def shades(*levels: int, groups: str = "") -> Selection:
    rows = tuple(
        Row(
            source=ArraySource(np.full((2, 2), level, np.uint8), f"{level}"),
            labels=("light" if level >= 128 else "dark",),
            group=groups[place] if groups else None,
        )
        for place, level in enumerate(levels)
    )
    return Selection(on="test", rows=rows, seen=0, new=0, other=0, missing=(), relabelled=())


def test_two_runners_are_compared_whatever_the_order_of_their_classes() -> None:
    told: list[tuple[int, int]] = []
    compared = compare_runners(
        Threshold(64),
        Threshold(128, classes=("light", "dark")),
        shades(10, 70, 100, 150, 200),
        progress=lambda done, total: told.append((done, total)),
    )
    comparison = compared.comparison
    assert (comparison.only_before, comparison.only_after, comparison.groups) == (0, 2, None)
    assert [change.name for change in comparison.changes] == ["70", "100"]
    assert told == [(5, 10), (10, 10)]


def test_groups_of_the_manifest_are_drawn_together() -> None:
    compared = compare_runners(
        Threshold(64), Threshold(128), shades(10, 70, 100, 150, 200, groups="axxbb")
    )
    assert compared.comparison.groups == 3
    assert compared.comparison.p_value == pytest.approx(1)


def test_other_classes_are_refused_before_anything_is_predicted() -> None:
    class Unused(Threshold):
        def run(self, pixels: np.ndarray) -> Outputs:
            raise AssertionError("predicted")

    other = Unused(1, classes=("dark", "light", "dim"))
    with pytest.raises(DataError, match="only the second knows dim") as caught:
        compare_runners(Unused(1), other, shades(1))
    assert caught.value.code == "different_classes"

from __future__ import annotations

from sightline.reporting.facts import UNDIVIDED, ClassCount, DataFacts
from sightline.reporting.page import render_page

from ..reading import Reader


def words(splits: dict[str, int], *classes: dict[str, int]) -> str:
    counts = tuple(
        ClassCount(name=f"class {place}", images=images) for place, images in enumerate(classes)
    )
    reader = Reader(render_page(DataFacts(title="x", splits=splits, counts=counts)))
    assert reader.faults == []
    return reader.words


def test_images_by_class_and_split() -> None:
    found = words({"train": 30, "test": 5}, {"train": 10, "test": 5}, {"train": 20, "test": 0})
    assert "35 images of 2 classes: 30 train, 5 test." in found
    assert found.split("class 0")[1].split()[:3] == ["10", "5", "15"]
    assert "each of its labels" not in found


def test_images_that_no_split_has() -> None:
    found = words({UNDIVIDED: 3}, {UNDIVIDED: 2}, {UNDIVIDED: 1})
    assert "3 images of 2 classes, not divided into splits." in found
    assert found.split("class 0")[1].split()[:2] == ["2", "class"]
    assert "Undivided" in words({"train": 3, UNDIVIDED: 1}, {"train": 3, UNDIVIDED: 1})


def test_an_image_with_several_labels_is_one_image() -> None:
    found = words({"train": 3}, {"train": 2}, {"train": 2})
    assert "3 images of 2 classes: 3 train. An image is counted with each of its labels." in found

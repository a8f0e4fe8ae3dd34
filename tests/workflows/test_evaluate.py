from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sightline.dataset import Content, Dataset, RecordRow, Row
from sightline.errors import ConfigError, DataError
from sightline.images import BytesSource
from sightline.inference import LiteRTRunner
from sightline.models.bundle import Bundle, read_bundle
from sightline.workflows.evaluate import Judged, Selection, evaluate_images, select


def content(name: str) -> Content:
    return Content(digest=f"digest of {name}", size=1)


def data(**labels: str) -> tuple[Dataset, tuple[Content, ...]]:
    """Return images of the names given; the content of `x_copy` is that of `x`."""
    rows = tuple(
        Row(source=BytesSource(b"", name), labels=tuple(label.split("|")))
        for name, label in labels.items()
    )
    classes = tuple(sorted({label for row in rows for label in row.labels}))
    dataset = Dataset(rows=rows, classes=classes)
    return dataset, tuple(content(name.removesuffix("_copy")) for name in labels)


def on_record(name: str, label: str, split: str | None) -> RecordRow:
    return RecordRow(f"digest of {name}", (label,), None, split, name)


RECORD = (
    on_record("t1", "a", "train"),
    on_record("t2", "b", "train"),
    on_record("v1", "a", "validation"),
    on_record("e1", "a", "test"),
    on_record("e2", "b", "test"),
)


def chosen(selection: Selection) -> list[str]:
    return [row.name for row in selection.rows]


def test_images_are_known_by_content_whatever_they_are_called() -> None:
    selection = select(
        *data(e1_copy="a", t1="a", v1="a", e2="b", n1="a", n2="b"), RECORD, on="test"
    )
    assert chosen(selection) == ["e1_copy", "e2"]
    assert (selection.seen, selection.other, selection.new) == (1, 1, 2)
    assert selection.missing == ()
    assert selection.relabelled == ()


@pytest.mark.parametrize(
    ("on", "names", "seen", "new", "other"),
    [("test", ["e1"], 2, 1, 1), ("validation", ["v1"], 2, 1, 1), ("new", ["n1"], 2, 1, 2)],
)
def test_every_image_given_is_accounted_for(
    on: str, names: list[str], seen: int, new: int, other: int
) -> None:
    selection = select(*data(t1="a", t2="b", v1="a", e1="a", n1="b"), RECORD, on=on)
    assert chosen(selection) == names
    assert (selection.seen, selection.new, selection.other) == (seen, new, other)
    judged = len(names) if on == "new" else len(names) + selection.new
    assert selection.seen + judged + selection.other == 5


def test_images_on_record_that_were_not_given_are_missing() -> None:
    assert select(*data(e2="b", t1="a"), RECORD, on="test").missing == ("e1",)
    assert select(*data(v1="a"), RECORD, on="validation").missing == ()


def test_an_image_that_stands_in_two_splits_was_trained_on() -> None:
    """`--allow leak` lets this happen; the order of the record must not matter."""
    both = (on_record("x", "a", "train"), on_record("x", "a", "test"))
    for record in (both, both[::-1]):
        selection = select(*data(x="a", e1="a"), (*RECORD, *record), on="test")
        assert chosen(selection) == ["e1"]
        assert selection.seen == 1


def test_a_copy_that_is_not_on_record_is_judged_once() -> None:
    given = data(e1_copy="a", e1="a", t1="a", e2="b", n1="a", n1_copy="a")
    selection = select(*given, RECORD, on="test")
    assert chosen(selection) == ["e1", "e2"]  # of copies, the one whose name is on record
    assert selection.copies == 1
    twice = (*RECORD, on_record("e1", "a", "test"))
    assert chosen(select(*given, twice, on="test")) == ["e1_copy", "e1", "e2"]
    assert chosen(select(*given, RECORD, on="new")) == ["n1", "n1_copy"]


def test_another_label_than_the_one_on_record_is_told() -> None:
    selection = select(*data(e1="b", e2="b", t1="b", n1="b"), RECORD, on="test")
    assert selection.relabelled == ("e1", "t1")


def test_an_image_that_cannot_be_read_is_nobodys() -> None:
    dataset, contents = data(e1="a", broken="b")
    contents = (contents[0], replace(contents[1], digest=""))
    selection = select(dataset, contents, RECORD, on="test")
    assert (chosen(selection), selection.new) == (["e1"], 1)


def test_the_images_trained_on_are_refused() -> None:
    with pytest.raises(ConfigError, match="trained on") as caught:
        select(*data(t1="a"), RECORD, on="train")
    assert caught.value.code == "trained_on"


def test_an_unknown_part_suggests_the_near_one() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'test'"):
        select(*data(t1="a"), RECORD, on="tset")


def test_nothing_to_judge_says_what_there_was() -> None:
    with pytest.raises(DataError, match="1 were trained on, 2 are new") as caught:
        select(*data(t1="a", n1="a", n2="b"), RECORD, on="test")
    assert caught.value.fix == "use --on new to judge the new ones"
    with pytest.raises(DataError) as caught:
        select(*data(t1="a"), RECORD, on="new")
    assert caught.value.code == "nothing_to_judge"
    assert "--on new" not in (caught.value.fix or "")


# With a real bundle


@pytest.fixture
def bundle(trained: Any) -> Bundle:
    return read_bundle(trained.path)


def judge(bundle: Bundle, folder: Path, *, on: str = "test") -> Judged:
    dataset = Dataset.from_folder(folder)
    selection = select(dataset, dataset.contents(), bundle.record(), on=on)
    return evaluate_images(LiteRTRunner(bundle), selection)


@pytest.mark.train
def test_the_figures_are_those_that_training_measured(
    trained: Any, bundle: Bundle, all_digits: Path
) -> None:
    judged = judge(bundle, all_digits)
    assert judged.evaluation.to_json() == trained.test.to_json()
    assert judged.selection.seen == trained.counts["train"]
    assert judged.selection.other == trained.counts["validation"]
    assert judge(bundle, all_digits, on="validation").evaluation.n == judged.selection.other


@pytest.mark.train
def test_moving_and_renaming_files_changes_nothing(
    trained: Any, bundle: Bundle, digits: Path
) -> None:
    for number, path in enumerate(sorted(digits.rglob("*.png"))):
        folder = path.parent / f"deep {number % 3}"
        folder.mkdir(exist_ok=True)
        path.rename(folder / f"{(number * 7919) % 1000}-{path.name}")
    judged = judge(bundle, digits)
    assert judged.evaluation.accuracy == trained.test.accuracy
    assert (judged.selection.new, judged.selection.missing) == (0, ())


@pytest.mark.train
def test_a_class_that_the_model_does_not_know_is_an_error_only_where_it_is_judged(
    bundle: Bundle, digits: Path
) -> None:
    (digits / "zebra").mkdir()
    image = (digits / "3" / "digits_0001.png").read_bytes()
    (digits / "zebra" / "new.png").write_bytes(image + b"\0")  # other content, same picture
    assert judge(bundle, digits).selection.new == 1
    with pytest.raises(DataError, match="zebra") as caught:
        judge(bundle, digits, on="new")
    assert caught.value.code == "unknown_class"


@pytest.mark.train
def test_a_new_image_that_is_broken_is_counted_as_failed(bundle: Bundle, digits: Path) -> None:
    for number in range(3):
        shutil.copy(digits / "3" / "digits_0001.png", digits / "3" / f"new{number}.png")
        with open(digits / "3" / f"new{number}.png", "ab") as stream:
            stream.write(bytes([number + 1]))
    (digits / "3" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    judged = judge(bundle, digits, on="new")
    assert (judged.evaluation.n, judged.evaluation.failed) == (3, 1)

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from sightline.dataset import Dataset, Finding
from sightline.errors import ConfigError, DataError, SightlineError


def two_classes(fill, **more):
    return fill({"cats/a.png": "a", "cats/b.png": "b", "dogs/c.png": "c", **more})


def notice(dataset: Dataset, check: str) -> Finding:
    (found,) = [item for item in dataset.notices if item.check == check]
    return found


def test_folders_are_classes_in_order_of_name(fill):
    root = fill({"dogs/z.png": "z", "cats/b.png": "b", "cats/a.png": "a"})
    dataset = Dataset.from_folder(root)
    assert dataset.classes == ("cats", "dogs")
    assert dataset.names == ("cats/a.png", "cats/b.png", "dogs/z.png")
    assert [row.labels for row in dataset] == [("cats",), ("cats",), ("dogs",)]
    assert [row.split for row in dataset] == [None] * 3
    assert dataset.root == root and dataset.task == "multi_class" and dataset.notices == ()
    assert dataset.rows[0].source.read() == (root / "cats/a.png").read_bytes()


def test_folders_inside_a_class_belong_to_it_and_are_told(fill):
    dataset = Dataset.from_folder(two_classes(fill, **{"cats/kittens/small/d.png": "d"}))
    assert dataset.class_counts() == {"cats": 3, "dogs": 1}
    found = notice(dataset, "nested_folder")
    assert found.severity == "info" and found.paths == ("cats/kittens/small",)
    assert found.message.startswith("1 image in folders")


@pytest.mark.parametrize("name", ["validation", "val", "Valid"])
def test_split_folders_are_splits(fill, name):
    root = fill(
        {"train/cats/a.png": "a", "train/dogs/b.png": "b", f"{name}/cats/c.png": "c",
         "test/dogs/d.png": "d"}
    )  # fmt: skip
    dataset = Dataset.from_folder(root)
    assert dataset.split_counts == {"train": 2, "validation": 1, "test": 1}
    assert dataset.has_splits
    assert dataset.part("validation").names == (f"{name}/cats/c.png",)
    # Classes are matched by name over all splits, whichever split lacks one.
    assert dataset.part("test").classes == ("cats", "dogs")


def test_a_single_split_folder_is_enough(fill):
    dataset = Dataset.from_folder(fill({"test/cats/a.png": "a", "test/dogs/b.png": "b"}))
    assert dataset.split_counts == {"test": 2}
    with pytest.raises(DataError, match="No image belongs to the train split; found test"):
        dataset.part("train")


def test_a_class_may_be_called_train(fill):
    root = fill({"car/a.png": "a", "plane/b.png": "b", "train/c.png": "c"})
    assert Dataset.from_folder(root).classes == ("car", "plane", "train")


@pytest.mark.parametrize(
    ("files", "code", "words"),
    [
        ({"a.png": "a", "b.png": "b"}, "images_in_root", "0 folders and 2 images"),
        ({"cats/a.png": "a", "dogs/b.png": "b", "x.png": "x"}, "images_in_root", "x.png"),
        ({"train/cats/a.png": "a", "birds/b.png": "b"}, "mixed_layout", "birds"),
        ({"train/cats/a.png": "a", "test/b.png": "b"}, "mixed_layout", "test"),
        ({"train/a.png": "a", "test/b.png": "b"}, "no_class_folders", "train"),
        ({"val/c/a.png": "a", "validation/d/b.png": "b"}, "split_twice", "validation"),
        ({"train/c/a.png": "a", "train/d/b.png": "b", "train/x.png": "x"}, "images_in_root",
         "train/x.png"),
        ({"cats/a.png": "a", "cats/b.png": "b"}, "one_class", r"found cats \(2\)"),
    ],
)  # fmt: skip
def test_other_layouts_are_refused_showing_what_was_found_and_wanted(fill, files, code, words):
    with pytest.raises(DataError, match=words) as caught:
        Dataset.from_folder(fill(files))
    assert caught.value.code == code
    assert "ROOT/CLASS" in str(caught.value.expected)
    assert caught.value.fix and caught.value.exit_code == 3


def test_an_empty_root_has_no_class_folders(tmp_path):
    with pytest.raises(DataError) as caught:
        Dataset.from_folder(tmp_path)
    assert caught.value.code == "no_class_folders"


def test_one_class_can_be_allowed(fill):
    dataset = Dataset.from_folder(fill({"cats/a.png": "a"}), allow={"one_class"})
    assert dataset.classes == ("cats",)


def test_an_empty_class_is_an_error_that_can_be_allowed(fill):
    root = two_classes(fill)
    (root / "birds/old").mkdir(parents=True)
    with pytest.raises(DataError, match="birds") as caught:
        Dataset.from_folder(root)
    assert caught.value.code == "empty_class" and "--allow empty_class" in str(caught.value)
    dataset = Dataset.from_folder(root, allow={"empty_class"})
    assert dataset.classes == ("cats", "dogs")
    assert notice(dataset, "empty_class").paths == ("birds",)


def test_a_class_empty_in_one_split_only_is_no_empty_class(fill):
    root = fill({"train/cats/a.png": "a", "train/dogs/b.png": "b", "test/cats/c.png": "c"})
    (root / "test/dogs").mkdir()
    assert Dataset.from_folder(root).part("test").class_counts() == {"cats": 1, "dogs": 0}


@pytest.mark.parametrize(
    ("one", "other"),
    [("Cats", "cats"), ("café", unicodedata.normalize("NFD", "café")), ("cats ", "cats")],
)
def test_twins_of_a_class_name_are_listed(fill, one, other):
    root = fill({f"{one}/a.png": "a", f"{other}/b.png": "b", "dogs/c.png": "c"})
    with pytest.raises(DataError) as caught:
        Dataset.from_folder(root)
    assert caught.value.code == "label_twins"
    assert ascii(one) in caught.value.what and ascii(other) in caught.value.what


def test_twins_over_two_splits_are_found(fill):
    root = fill({"train/Cats/a.png": "a", "train/dogs/b.png": "b", "test/cats/c.png": "c"})
    with pytest.raises(DataError, match="differ only in case"):
        Dataset.from_folder(root)


def test_hidden_and_system_items_are_ignored_and_listed_once(fill):
    junk = {
        ".ipynb_checkpoints/a.png": "1", "__MACOSX/cats/._a.png": "2", "cats/.DS_Store": "3",
        "cats/Thumbs.db": "4", "cats/._b.png": "5", ".git/config": "6",
    }  # fmt: skip
    dataset = Dataset.from_folder(two_classes(fill, **junk))
    assert len(dataset) == 3
    assert set(notice(dataset, "hidden").paths) == {
        ".ipynb_checkpoints", "__MACOSX", "cats/.DS_Store", "cats/Thumbs.db", "cats/._b.png",
        ".git",
    }  # fmt: skip


def test_files_without_an_image_extension_are_told_by_their_first_bytes(fill):
    root = two_classes(fill, **{"cats/picture": "p", "dogs/photo.jpg_large": "q"})
    (root / "cats/notes.txt").write_text("not an image")
    (root / "labels.csv").write_text("path,label")
    (root / "dogs/drawing.svg").write_text("<svg></svg>")
    dataset = Dataset.from_folder(root)
    assert {"cats/picture", "dogs/photo.jpg_large"} < set(dataset.names)
    # A picture of a kind that cannot be read is kept, to be refused by name; text is not.
    assert "dogs/drawing.svg" in dataset.names
    assert notice(dataset, "ignored_file").paths == ("labels.csv", "cats/notes.txt")


def test_listing_reads_no_image(fill, monkeypatch):
    root = two_classes(fill)
    monkeypatch.setattr(os, "open", None)
    monkeypatch.setattr("builtins.open", None)
    assert len(Dataset.from_folder(root)) == 3


def test_links_pipes_and_loops_are_skipped_and_listed(fill, tmp_path):
    root = two_classes(fill)
    (tmp_path / "secret.png").write_bytes(b"x")
    (root / "cats/outside.png").symlink_to(tmp_path / "secret.png")
    (root / "cats/loop").symlink_to(root)
    (root / "cats/self.png").symlink_to(root / "cats/self.png")
    (root / "cats/broken.png").symlink_to(root / "cats/nothing.png")
    (root / "cats/inside.png").symlink_to("../dogs/c.png")
    os.mkfifo(root / "dogs/pipe.png")
    dataset = Dataset.from_folder(root)
    assert set(notice(dataset, "unsafe_path").paths) == {
        "cats/outside.png", "cats/loop", "cats/self.png", "cats/broken.png", "dogs/pipe.png",
    }  # fmt: skip
    assert "cats/inside.png" in dataset.names and len(dataset) == 4


def test_the_root_itself_may_be_a_link(fill, tmp_path):
    root = two_classes(fill)
    (tmp_path / "link").symlink_to(root)
    assert len(Dataset.from_folder(tmp_path / "link")) == 3


def test_a_folder_that_cannot_be_listed_is_an_error(fill, monkeypatch):
    root = two_classes(fill)
    scan = os.scandir

    def refuse(path):
        if Path(path).name == "dogs":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"dogs \(Permission denied\)") as caught:
        Dataset.from_folder(root)
    assert caught.value.code == "unreadable_folder"


def test_odd_names_are_taken_and_never_shown_raw(fill):
    odd = [
        "new\nline.png", "tab\t.png", "\u202eright.png", os.fsdecode(b"bad\xff.png"), "-rf.png",
        "n" * 251 + ".png", " .png", "a\\b.png", "c:d.png", "'\"`$.png", "\x1b[31mred.png",
    ]  # fmt: skip
    root = two_classes(fill, **{f"cats/{name}": str(i) for i, name in enumerate(odd)})
    dataset = Dataset.from_folder(root)
    assert {f"cats/{name}" for name in odd} < set(dataset.names)
    assert all(content.ok for content in dataset.contents())
    for name in odd:
        (root / "cats" / name).write_bytes(b"")
        (root / "cats" / name).rename(root / f"{name}")
    with pytest.raises(DataError) as caught:
        Dataset.from_folder(root)
    shown = str(caught.value)
    assert not set("\x1b\u202e\t") & set(shown) and "bad\\udcff" in shown


def test_odd_class_names_become_printable_labels(fill):
    root = fill({os.fsdecode(b"caf\xe9/a.png"): "a", "new\nline/b.png": "b"})
    assert Dataset.from_folder(root).classes == ("caf\\udce9", "new\\nline")


def test_labels_have_one_unicode_form(fill):
    root = fill({f"{unicodedata.normalize('NFD', 'café')}/a.png": "a", "tea/b.png": "b"})
    assert Dataset.from_folder(root).classes == ("café", "tea")


def test_a_missing_folder_names_the_nearest_that_exists_and_makes_nothing(tmp_path):
    with pytest.raises(ConfigError) as caught:
        Dataset.from_folder(tmp_path / "no" / "such")
    assert caught.value.code == "no_such_path" and caught.value.exit_code == 2
    assert str(tmp_path) in str(caught.value.fix)
    assert list(tmp_path.iterdir()) == []


def test_a_near_name_is_suggested(fill, tmp_path):
    two_classes(fill)
    with pytest.raises(SightlineError, match="Did you mean 'data'"):
        Dataset.from_folder(tmp_path / "dta")


def test_more_than_twenty_names_are_counted(fill):
    root = two_classes(fill, **{f"x{i:02}.png": "x" for i in range(25)})
    with pytest.raises(DataError) as caught:
        Dataset.from_folder(root)
    assert "x19.png" in caught.value.what and "x20.png" not in caught.value.what
    assert "… and 5 more" in caught.value.what
    assert len(caught.value.details["findings"][0]["paths"]) == 25


def test_links_instead_of_class_folders_are_named_where_nothing_is_found(fill, tmp_path):
    (tmp_path / "links").mkdir()
    for name in ("cats", "dogs"):
        (tmp_path / "links" / name).symlink_to(two_classes(fill) / name)
    with pytest.raises(DataError, match=r"0 folders.*not followed: cats and 1 more \(links"):
        Dataset.from_folder(tmp_path / "links")


def test_links_that_make_a_class_empty_are_named(fill, tmp_path):
    root = two_classes(fill)
    (tmp_path / "links" / "cats").mkdir(parents=True)
    (tmp_path / "links" / "cats" / "a.png").symlink_to(root / "cats/a.png")
    with pytest.raises(DataError, match=r"1 item skipped: link(.|\n)*cats/a.png"):
        Dataset.from_folder(tmp_path / "links")

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from sightline.errors import ConfigError, DataError, ModelError
from sightline.workflows.predict import find_images, open_model


def write(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = io.BytesIO()
    Image.new("RGB", (4, 4)).save(stream, "PNG")
    path.write_bytes(stream.getvalue())
    return str(path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with images at several depths, and be in its parent."""
    for name in ("b.png", "a.png", "deep/c.png", "deep/er/d.png"):
        write(tmp_path / "photos" / name)
    (tmp_path / "photos" / "notes.txt").write_text("text")
    monkeypatch.chdir(tmp_path)
    return Path("photos")


def names(*paths: str) -> list[str]:
    return [source.name for source in find_images(paths).sources]


def test_folders_are_listed_in_order_and_say_what_they_passed_over(folder: Path) -> None:
    images = find_images(["photos"])
    assert [source.name for source in images.sources] == [
        "photos/a.png",
        "photos/b.png",
        "photos/deep/c.png",
        "photos/deep/er/d.png",
    ]
    assert [(finding.check, finding.paths) for finding in images.findings] == [
        ("ignored_file", ("notes.txt",))
    ]


def test_the_order_given_is_kept_and_a_name_may_come_twice(folder: Path) -> None:
    paths = ("photos/b.png", "photos/a.png", "photos/b.png")
    assert names(*paths) == list(paths)


def test_patterns_and_names_that_look_like_patterns(folder: Path) -> None:
    assert names("photos/*.png") == ["photos/a.png", "photos/b.png"]
    assert len(names("photos/**/*.png")) == 4
    write(Path("photos/[ab].png"))
    assert names("photos/[ab].png") == ["photos/[ab].png"]


def test_a_file_that_is_named_is_taken_whatever_it_is(folder: Path) -> None:
    assert names("photos/notes.txt") == ["photos/notes.txt"]
    os.symlink("nowhere", "broken")
    assert names("broken") == ["broken"]


@pytest.mark.parametrize("path", ["nowhere", "photos/*.gif", "photos/x\x1b[31m.png"])
def test_what_is_not_there_is_an_error(folder: Path, path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find_images(["photos/a.png", path])
    assert caught.value.code == "no_such_path"
    assert "\x1b" not in caught.value.what


def test_folders_without_an_image_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("text")
    with pytest.raises(DataError, match="1 file ignored") as caught:
        find_images([str(tmp_path)])
    assert caught.value.code == "no_images"


@pytest.mark.parametrize(
    ("name", "said"),
    [("mobilnet_v2", "Did you mean 'mobilenet_v2'"), ("absent.sightline", "No model at")],
)
def test_a_model_that_is_not_there(name: str, said: str) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        open_model(name)
    assert caught.value.code == "no_such_model"


def test_a_file_comes_before_a_ready_made_model_of_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mobilenet_v2").write_text("not a model")
    with pytest.raises(ModelError, match="not a whole Sightline bundle"):
        open_model("mobilenet_v2")

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from sightline.cli import main

pytestmark = pytest.mark.train


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Return a folder of two classes, with the working directory beside it."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(3):
            pixels = random.integers(0, 256, (40, 30, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


def test_it_saves_a_picture_and_says_where(photos, capsys):
    assert main(["show", "photos"]) == 0
    assert capsys.readouterr().out == "seen.png: 6 images of 2 classes.\n"
    with Image.open("seen.png") as picture:
        assert picture.format == "PNG"


def test_augmented_images_stand_beside_the_others(photos):
    assert main(["show", "photos", "--save", "a.png"]) == 0
    assert main(["show", "photos", "--save", "b.png", "--augment", "strong"]) == 0
    with Image.open("a.png") as plain, Image.open("b.png") as augmented:
        assert augmented.width > plain.width


def test_json(photos, capsys, check_schema):
    (photos / "cats" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    words = ["--json", "--image-size", "64x32", "--channels", "1", "--fit", "pad"]
    assert main(["show", "photos", *words]) == 0
    document = json.loads(capsys.readouterr().out)
    check_schema(document, "show")
    shown = document["preprocessing"]
    assert (shown["height"], shown["width"], shown["channels"], shown["fit"]) == (64, 32, 1, "pad")
    assert document["unreadable"] == ["cats/broken.png"]
    assert (document["images"], document["augmentation"]) == (7, None)


def test_an_image_that_cannot_be_read_is_said(photos, capsys):
    (photos / "cats" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert main(["show", "photos"]) == 0
    assert "1 of them cannot be read: cats/broken.png" in capsys.readouterr().err


def test_what_was_ignored_is_said(photos, capsys):
    (photos / "a\x1b[2J.txt").write_text("x")
    assert main(["show", "photos"]) == 0
    err = capsys.readouterr().err
    assert "[ignored_file]" in err
    assert "a\\x1b[2J.txt" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--augment", "stong"], "Did you mean 'strong'?"),
        (["--backbone", "mobilnet_v2"], "Did you mean 'mobilenet_v2'?"),
        (["--image-size", "0x"], "HEIGHTxWIDTH"),
        (["--fit", "sqash"], "Did you mean 'squash'?"),
        (["--channels", "2"], "one of 1, 3"),
        (["--save", "a.jpg"], "use a.png"),
        (["--save", "nowhere/a.png"], "mkdir -p nowhere"),
        (["--save", "there.png"], "add --overwrite"),
        (["--per-class", "0"], "1 to 12"),
        (["--model", "m.sightline", "--fit", "pad"], "--fit would have no effect"),
    ],
)
def test_a_wrong_option_says_what_to_do_and_saves_nothing(photos, words, message, capsys):
    (photos.parent / "there.png").write_bytes(b"mine")
    assert main(["show", "photos", *words]) == 2
    assert message in capsys.readouterr().err
    assert (photos.parent / "there.png").read_bytes() == b"mine"
    assert not (photos.parent / "seen.png").exists()


def test_overwrite_replaces(photos):
    (photos.parent / "seen.png").write_bytes(b"mine")
    assert main(["show", "photos", "--overwrite"]) == 0
    assert (photos.parent / "seen.png").read_bytes().startswith(b"\x89PNG")


def test_data_that_is_not_there(photos, capsys):
    assert main(["show", "nowhere"]) == 2
    assert "nowhere" in capsys.readouterr().err

"""The contact sheet: exactly the model's pixels, and nothing left out in silence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from sightline.batches import PRESETS
from sightline.batches.augmenting import augment
from sightline.dataset import Dataset, read_content
from sightline.errors import ConfigError
from sightline.images import Preprocessing, load
from sightline.workflows.show import show

WHOLE = Preprocessing(height=128, width=128)  # a tile's own size: shown pixel by pixel


@pytest.fixture
def written(monkeypatch) -> list[str]:
    """Collect what is written on sheets."""
    texts: list[str] = []
    text = ImageDraw.ImageDraw.text

    def record(self, xy, words, *arguments, **options):
        texts.append(words)
        return text(self, xy, words, *arguments, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", record)
    return texts


def noise(number: int, side: int = 150) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)


def folder(path: Path, classes: list[str], each: int = 2) -> Path:
    for place, name in enumerate(classes):
        (path / name).mkdir(parents=True)
        for number in range(each):
            Image.fromarray(noise(100 * place + number)).save(path / name / f"{number}.png")
    return path


def holds(sheet: Image.Image, tile: np.ndarray) -> bool:
    """Return whether the sheet holds exactly these pixels somewhere."""
    pixels = np.asarray(sheet)
    height, width, _ = tile.shape
    found = (pixels == tile[0, 0]).all(axis=-1) & (np.roll(pixels, -1, 1) == tile[0, 1]).all(-1)
    return any(
        np.array_equal(pixels[y : y + height, x : x + width], tile) for y, x in np.argwhere(found)
    )


def test_the_sheet_holds_the_pixels_that_the_model_gets(tmp_path):
    dataset = Dataset.from_folder(folder(tmp_path, ["cat", "dog"]))
    sheet = show(dataset, WHOLE).picture
    for row in dataset.rows:
        assert holds(sheet, load(row.source, WHOLE).pixels)


def test_each_pair_is_the_image_and_what_training_makes_of_it(tmp_path):
    dataset = Dataset.from_folder(folder(tmp_path, ["cat", "dog"], each=1))
    sheet = show(dataset, WHOLE, augmentation=PRESETS["strong"], seed=3).picture
    for row in dataset.rows:
        pixels, digest = load(row.source, WHOLE).pixels, read_content(row.source).digest
        changed = augment(pixels, PRESETS["strong"], seed=3, epoch=0, digest=digest)
        gap = np.asarray(show(dataset, WHOLE).picture)[0, 0]  # the paper's colour between the two
        between = np.broadcast_to(gap, (128, 2, 3))
        assert holds(sheet, np.concatenate([pixels, between, changed], axis=1))


def test_small_images_are_enlarged_in_whole_squares():
    pixels = noise(1, side=8)
    sheet = show(
        Dataset.from_arrays([pixels, noise(2, 8)], ["a", "b"]), Preprocessing(height=8, width=8)
    ).picture
    assert holds(sheet, pixels.repeat(16, axis=0).repeat(16, axis=1))


def test_grey_models_are_shown_grey():
    grey = Preprocessing(height=8, width=8, channels=1)
    sheet = show(Dataset.from_arrays([noise(1, 8), noise(2, 8)], ["a", "b"]), grey).picture
    pixels = np.asarray(sheet)
    assert (pixels == pixels[..., :1]).all()


def test_unreadable_images_are_marked_named_and_counted(tmp_path, written):
    root = folder(tmp_path, ["cat", "dog"], each=1)
    for number in range(7):
        (root / "dog" / f"broken{number}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    dataset = Dataset.from_folder(root)
    shown = show(dataset, WHOLE, per_class=8, augmentation=PRESETS["light"])
    assert (shown.images, shown.classes) == (9, ("cat", "dog"))
    assert sorted(shown.unreadable) == [f"dog/broken{number}.png" for number in range(7)]
    sheet = shown.picture
    assert "Of the images shown, 7 cannot be read:" in written
    named = [text for text in written if text.startswith("    dog/broken")]
    assert len(named) == 5 and "    and 2 more" in written
    assert sum("unreadable" in text for text in written) >= 14  # both tiles of each pair
    assert (np.asarray(sheet) == (190, 20, 20)).all(axis=-1).sum() > 14 * 4 * 100


def test_forty_classes_are_readable_and_more_are_counted(written):
    names = [f"class {number:02d}" for number in range(43)]
    images = [noise(number, 8) for number in range(43)]
    dataset = Dataset.from_arrays(images, names)
    sheet = show(dataset, Preprocessing(height=8, width=8), augmentation=PRESETS["strong"]).picture
    shown = [text for text in written if text.startswith("class ")]
    assert shown == names[:40]
    assert "3 more classes are not shown." in written
    assert sheet.height < 5000 and sheet.width < 1500


def test_seeds_choose_the_images_and_the_same_seed_the_same(tmp_path):
    images = [np.full((8, 8, 3), number, np.uint8) for number in range(0, 240, 4)]
    dataset = Dataset.from_arrays(images, ["a", "b"] * 30)
    small = Preprocessing(height=8, width=8)
    one, again, other = (show(dataset, small, seed=seed).picture.tobytes() for seed in (0, 0, 1))
    assert one == again != other


def test_all_labels_of_an_image_count_and_none_is_a_line_of_its_own(written):
    images = [noise(number, 8) for number in range(3)]
    dataset = Dataset.from_arrays(images, [("a", "b"), ("b",), ()])
    show(dataset, Preprocessing(height=8, width=8))
    assert [text for text in written if text in ("a", "b", "(no label)")] == [
        "a",
        "b",
        "(no label)",
    ]
    assert written.count("1 image") == 2 and written.count("2 images") == 1


def test_names_that_the_font_lacks_or_that_are_long_are_still_told(written):
    long = "a very long name of a class that would push the images off the sheet"
    dataset = Dataset.from_arrays([noise(1, 8), noise(2, 8)], ["犬", long])
    sheet = show(dataset, Preprocessing(height=8, width=8)).picture
    assert "\\u72ac" in written
    (shortened,) = [text for text in written if text.startswith("a very")]
    assert shortened.endswith("...") and sheet.width < 800


def test_wide_inputs_keep_their_shape():
    wide = Preprocessing(height=10, width=40)
    sheet = show(Dataset.from_arrays([noise(1), noise(2)], ["a", "b"]), wide).picture
    expected = load(Dataset.from_arrays([noise(1), noise(2)], ["a", "b"]).rows[0].source, wide)
    assert holds(sheet, expected.pixels.repeat(3, axis=0).repeat(3, axis=1))


@pytest.mark.parametrize("per_class", [0, 13])
def test_too_few_or_too_many_of_each_class_are_refused(per_class):
    dataset = Dataset.from_arrays([noise(1, 8), noise(2, 8)], ["a", "b"])
    with pytest.raises(ConfigError, match=f"per_class is {per_class}"):
        show(dataset, WHOLE, per_class=per_class)


@pytest.mark.shared
def test_real_photos(shared, written):
    dataset = Dataset.from_folder(shared / "data" / "clothing")
    sheet = show(dataset, Preprocessing(), augmentation=PRESETS["strong"]).picture
    assert not any("cannot be read" in text for text in written)
    assert {"dress", "t-shirt", "247 images"} <= set(written)
    assert 900 < sheet.width < 1400 and 1200 < sheet.height < 1600

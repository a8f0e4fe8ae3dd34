from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from sightline.auditing import Findings, audit
from sightline.dataset import Content, Dataset, Row
from sightline.images import BytesSource, ImageHeader

SIDE = 160


def photo(seed: int) -> Image.Image:
    levels = np.random.default_rng(seed).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    return Image.fromarray(levels).resize((SIDE, SIDE), Image.Resampling.NEAREST)


def audited(pictures: list[Image.Image]) -> Findings:
    rows = []
    for i, picture in enumerate(pictures):
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=90)
        label = "ab"[i % 2]
        rows.append(Row(source=BytesSource(stream.getvalue(), f"{i}.jpg"), labels=(label,)))
    return audit(Dataset(rows=tuple(rows), classes=("a", "b")))


def faint(picture: Image.Image, low: int, high: int) -> Image.Image:
    return picture.point(lambda level: low + level * (high - low) // 255)


@pytest.mark.parametrize(
    ("check", "change"),
    [
        ("blank", lambda picture: Image.new("RGB", picture.size, (10, 200, 30))),
        ("dark", lambda picture: ImageEnhance.Brightness(picture).enhance(0.1)),
        ("light", lambda picture: faint(picture, 225, 255)),
        ("blurred", lambda picture: picture.filter(ImageFilter.GaussianBlur(SIDE / 40))),
        ("tiny", lambda picture: picture.resize((12, 12))),
        ("odd_shape", lambda picture: picture.resize((SIDE, SIDE // 4))),
    ],
)
def test_what_is_planted_is_found_and_nothing_else(check: str, change):
    pictures = [photo(seed) for seed in range(8)]
    pictures[3] = change(pictures[3])
    (found,) = audited(pictures)
    assert (found.check, found.severity, found.paths) == (check, "warning", ("3.jpg",))
    assert found.surplus == found.paths and found.fix and "1 image of 8" in found.message


def test_what_most_images_are_is_the_nature_of_the_set():
    (found,) = audited([photo(seed).resize((12, 12)) for seed in range(8)])
    assert (found.check, found.severity, found.surplus) == ("tiny", "info", ())
    assert "nature of this set" in found.message


def test_small_images_among_large_ones_are_tiny():
    pictures = [photo(seed).resize((400, 400)) for seed in range(6)]
    assert audited([*pictures, photo(9).resize((60, 60))]).of("tiny")[0].paths == ("6.jpg",)
    assert audited([*pictures, photo(9).resize((70, 70))]) == ()


def test_a_drawing_on_white_is_not_light_and_a_digit_on_black_not_dark():
    drawing = Image.new("RGB", (SIDE, SIDE), "white")
    drawing.paste("black", (40, 40, 44, 120))
    digit = Image.new("RGB", (SIDE, SIDE), "black")
    digit.paste("white", (70, 30, 90, 130))
    assert audited([drawing, digit, *(photo(seed) for seed in range(4))]) == ()


def test_more_than_fifty_megapixels_are_huge():
    def sized(width: int, height: int) -> Content:
        header = ImageHeader(
            format="JPEG", width=width, height=height, frames=1, mode="RGB", orientation=1
        )
        return Content(digest=str(width), size=1, header=header)

    rows = tuple(Row(source=BytesSource(b"", f"{i}.jpg"), labels=("a",)) for i in range(3))
    contents = [sized(8000, 6250), sized(8001, 6250), sized(4000, 3000)]
    found = audit(Dataset(rows=rows, classes=("a",)), contents).of("huge")
    assert [item.paths for item in found] == [("1.jpg",)]


def test_grey_images_among_coloured_ones_are_noted():
    pictures = [photo(seed) for seed in range(6)]
    pictures[2] = pictures[2].convert("L")
    (found,) = audited(pictures)
    assert (found.check, found.severity, found.paths) == ("mixed_colours", "info", ("2.jpg",))
    assert found.message == "1 image of 6 stored in grey, the others in colour."


def test_ten_times_as_many_images_are_an_imbalance():
    few = [photo(0)]
    rows = []
    for i, picture in enumerate(few + [photo(i) for i in range(1, 12)]):
        stream = io.BytesIO()
        picture.save(stream, "PNG")
        label = "rare" if i == 0 else "common"
        rows.append(Row(source=BytesSource(stream.getvalue(), f"{i}.png"), labels=(label,)))
    classes = ("common", "rare")
    (found,) = audit(Dataset(rows=tuple(rows), classes=classes)).of("imbalance")
    assert found.message == "Class 'common' has 11 images, 'rare' only 1."
    assert audit(Dataset(rows=tuple(rows[:-1]), classes=classes)).of("imbalance") == ()


@pytest.mark.shared
@pytest.mark.parametrize("name", ["clothing", "sign_digits"])
def test_photos_that_people_kept_raise_no_alarm(name: str, shared: Path):
    looked_for = {"blank", "dark", "light", "blurred", "tiny", "huge", "odd_shape", "shortcut"}
    found = audit(Dataset.from_folder(shared / "data" / name))
    assert looked_for & {finding.check for finding in found} == set()

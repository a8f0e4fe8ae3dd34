from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from sightline.images import BytesSource, as_source
from sightline.reporting.thumbnails import SIDE, thumbnail, thumbnails


def photo(width: int = 600, height: int = 300, **settings: object) -> bytes:
    fade = np.linspace(0, 255, width, dtype=np.uint8)
    image = Image.fromarray(np.broadcast_to(fade[None, :, None], (height, width, 3)).copy())
    stream = io.BytesIO()
    image.save(stream, "JPEG", **settings)
    return stream.getvalue()


def opened(data: bytes | None) -> Image.Image:
    assert data is not None
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize(
    ("size", "expected"),
    [((600, 300), (SIDE, SIDE // 2)), ((300, 600), (SIDE // 2, SIDE)), ((40, 30), (40, 30))],
)
def test_the_longer_side_is_reduced_and_nothing_is_enlarged(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert opened(thumbnail(BytesSource(photo(*size), "x"))).size == expected


def test_the_picture_is_the_same_and_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010E] = "a secret place"
    data = photo(exif=exif)
    assert b"secret" in data
    small = thumbnail(BytesSource(data, "x"))
    image = opened(small)
    assert image.size == (SIDE // 2, SIDE)
    assert b"secret" not in (small or b"")
    assert not image.getexif()
    down = np.asarray(image.convert("L"), float).mean(axis=1)
    assert np.abs(down - np.linspace(0, 255, SIDE)).max() < 6  # JPEG, and rows of one pixel


def test_grey_and_arrays_have_thumbnails_too() -> None:
    assert opened(thumbnail(as_source(np.zeros((9, 7), np.uint8)))).size == (7, 9)


def test_what_cannot_be_read_has_none() -> None:
    assert thumbnail(BytesSource(b"no image", "x")) is None
    sources = {"bad": BytesSource(b"no image", "bad"), "good": BytesSource(photo(), "good")}
    assert list(thumbnails(["absent", "bad", "good", "good"], sources)) == ["good"]


def test_they_are_made_in_order_until_the_bytes_are_spent() -> None:
    sources = {str(k): BytesSource(photo(), str(k)) for k in range(50)}
    size = len(thumbnail(sources["0"]) or b"")
    names = [str(k) for k in range(49, -1, -1)]
    assert list(thumbnails(names, sources, most_bytes=40 * size)) == names[:40]
    assert list(thumbnails(names, sources)) == names

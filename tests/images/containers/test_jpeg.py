"""JPEG files decoded without Pillow's plugin, which is the witness here."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, JpegImagePlugin

from sightline.errors import ImageError
from sightline.images import decode
from sightline.images.containers import jpeg
from tests.images.pictures import encoded, noise


def _by_plugin(data: bytes, scale: int, mode: str) -> np.ndarray:
    image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
    image.draft(mode, (image.width // scale, image.height // scale))
    return np.asarray(image)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("scale", [1, 2, 4, 8])
def test_pixels_are_those_of_pillows_plugin(scale: int, mode: str, progressive: bool) -> None:
    picture = Image.fromarray(noise(37, 50)).convert(mode)
    data = encoded(picture, "JPEG", progressive=progressive)
    container = jpeg.scan(data)
    assert container.mode == mode
    for channels, shown in ((3, mode), (1, "L" if mode == "RGB" else mode)):
        image = jpeg.decode(container, scale=scale, channels=channels)
        assert image.mode == shown
        assert (np.asarray(image) == _by_plugin(data, scale, shown)).all()


@given(st.data())
def test_the_plugin_finds_the_size_and_mode_that_were_found(data: st.DataObject) -> None:
    whole = bytearray(encoded(noise(9, 11), "JPEG"))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(2, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        container = jpeg.scan(bytes(whole))
        image = JpegImagePlugin.JpegImageFile(io.BytesIO(container.stream))
    except (ImageError, OSError, SyntaxError):
        return
    assert (*image.size, image.mode) == (container.width, container.height, container.mode)


def test_two_colour_components_are_refused() -> None:
    whole = encoded(noise(8, 8), "JPEG")
    frame = whole.index(b"\xff\xc0")
    two = b"\xff\xc0\x00\x0e" + whole[frame + 4 : frame + 9] + b"\x02" + whole[frame + 10 :][:6]
    with pytest.raises(ImageError) as caught:
        decode(whole[:frame] + two + whole[frame + 19 :])
    assert caught.value.code == "unsupported_pixels"

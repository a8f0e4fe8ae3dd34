"""`decode`: pixels by the stated policies, or one typed error."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from sightline.errors import ImageError
from sightline.images import decode


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF"])
def test_lossless_formats_give_the_very_pixels(kind: str) -> None:
    pixels = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    decoded = decode(_encoded(Image.fromarray(pixels), kind))
    assert decoded.header.format == kind
    np.testing.assert_array_equal(decoded.pixels, pixels)


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(ImageError) as caught:
        decode(b"")
    assert caught.value.code == "empty_file"

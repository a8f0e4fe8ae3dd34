"""Words on pictures: how wide they are, cut to fit, and no letter that the font lacks."""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import ImageFont

from sightline.files import printable

TEXT, SMALL = 16, 13
"""Sizes in pixels."""


def readable(text: str) -> str:
    """Return `text` printable, letters that the font lacks as their code points."""
    return "".join(
        letter if _has_glyph(letter) else letter.encode("unicode_escape").decode("ascii")
        for letter in printable(text)
    )


def shortened(text: str, width: int, size: int = TEXT) -> str:
    """Return `text`, cut where it is wider than `width` pixels."""
    if text_width(text, size) <= width:
        return text
    while text and text_width(text + "...", size) > width:
        text = text[:-1]
    return text + "..."


def text_width(text: str, size: int) -> int:
    """Return how many pixels a line takes."""
    return int(np.ceil(font(size).getlength(text)))


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font, which comes with Pillow."""
    return ImageFont.load_default(size)


@cache
def _has_glyph(letter: str) -> bool:
    # U+FFFF is never a character: what is drawn for it stands for all that the font lacks.
    return bytes(font(TEXT).getmask(letter)) != bytes(font(TEXT).getmask("\uffff"))

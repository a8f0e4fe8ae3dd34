"""Several heat maps as one picture: each photo, and beside it the photo with the map over it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from PIL import Image, ImageDraw

from sightline.explanation import Heatmap
from sightline.predictions import UNLIKE, UNSURE
from sightline.reporting.lettering import SMALL, font, readable, shortened

MOST_ON_SHEET = 48
_COLUMNS = 3
_SIDE = 208  # of the square that a photo is fitted into
_MARGIN, _GAP, _PAIR_GAP = 16, 14, 2
_INK, _FAINT, _PAPER = (20, 20, 20), (100, 100, 100), (234, 234, 234)
_LINE = SMALL + 5


@dataclass(frozen=True, kw_only=True)
class _Tile:
    pictures: tuple[Image.Image, Image.Image]
    words: tuple[str, str]


class HeatmapSheet:
    """A sheet that grows by one heat map at a time and keeps small pictures only.

    Attributes:
        left_out: How many were added beyond those that fit; the sheet says so too.
    """

    def __init__(self) -> None:
        self.left_out = 0
        self._tiles: list[_Tile] = []

    def add(self, heatmap: Heatmap) -> None:
        """Put a heat map on the sheet, or count it where the sheet is full."""
        if len(self._tiles) == MOST_ON_SHEET:
            self.left_out += 1
            return
        photo, overlay = (
            _fitted(Image.fromarray(array)) for array in (heatmap.photo, heatmap.overlay())
        )
        silent = f"{heatmap.answer}; " if heatmap.answer in (UNSURE, UNLIKE) else ""
        answer = f"{silent}{readable(heatmap.label)} {heatmap.probability:.3f}"
        words = (f"{answer}, {heatmap.method}", readable(PurePath(heatmap.name).name))
        self._tiles.append(_Tile(pictures=(photo, overlay), words=words))

    def draw(self) -> Image.Image:
        """Return the sheet."""
        columns = min(_COLUMNS, max(1, len(self._tiles)))
        rows = -(-len(self._tiles) // columns)
        width, height = 2 * _SIDE + _PAIR_GAP, _SIDE + 2 * _LINE
        end = _MARGIN + rows * (height + _GAP)
        size = (
            2 * _MARGIN + columns * (width + _GAP) - _GAP,
            end + (_LINE if self.left_out else 0),
        )
        sheet = Image.new("RGB", size, _PAPER)
        pen = ImageDraw.Draw(sheet)
        for place, tile in enumerate(self._tiles):
            x = _MARGIN + place % columns * (width + _GAP)
            y = _MARGIN + place // columns * (height + _GAP)
            photo, overlay = tile.pictures
            sheet.paste(photo, (x, y))
            sheet.paste(overlay, (x + photo.width + _PAIR_GAP, y))
            for line, (text, ink) in enumerate(zip(tile.words, (_INK, _FAINT), strict=True)):
                at = (x, y + _SIDE + 3 + line * _LINE)
                pen.text(at, shortened(text, width, SMALL), ink, font(SMALL))
        if self.left_out:
            pen.text((_MARGIN, end), f"{self.left_out} more are not shown.", _INK, font(SMALL))
        return sheet


def _fitted(image: Image.Image) -> Image.Image:
    scale = _SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BICUBIC)

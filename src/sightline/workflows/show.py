"""`show`: one picture of exactly what the model will see, class by class.

Wrong crops, rotations, colours and labels are seen in ten seconds, before hours of training.
The pixels are those of `images.load` and `batches.augment`, only enlarged or reduced for the
sheet. An image that cannot be read gets a marked tile and a line, never silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from sightline.batches import Augmentation, epoch_order
from sightline.batches.augmenting import augment
from sightline.dataset import Dataset, Row, read_content
from sightline.errors import ConfigError, ImageError
from sightline.images import Preprocessing, load
from sightline.reporting.lettering import SMALL, TEXT, font, readable, shortened, text_width

Pixels = npt.NDArray[np.uint8]

_MOST_CLASSES = 40
_MOST_PER_CLASS = 12
_MOST_NAMED = 5
_UNLABELLED = "(no label)"

# Sides of a tile in pixels of the sheet: for up to so many classes.
_SIDES = ((12, 128), (_MOST_CLASSES, 96))
_MARGIN, _GAP, _PAIR_GAP = 16, 10, 2
_WIDEST_LABEL = 200
# The paper is grey, so that white borders of an image are seen to be its own.
_INK, _FAINT, _PAPER = (20, 20, 20), (100, 100, 100), (234, 234, 234)
_ALARM, _ALARM_PAPER = (190, 20, 20), (255, 232, 232)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The sheet and what is on it.

    Attributes:
        picture: The contact sheet.
        images: How many images were drawn.
        classes: Names of the classes drawn, raw.
        unreadable: Names of the images drawn as unreadable, raw.
    """

    picture: Image.Image
    images: int
    classes: tuple[str, ...]
    unreadable: tuple[str, ...]


def show(
    dataset: Dataset,
    preprocessing: Preprocessing,
    *,
    augmentation: Augmentation | None = None,
    per_class: int = 4,
    seed: int = 0,
) -> Shown:
    """Draw a contact sheet of the images as the model will see them.

    Args:
        dataset: The images; of more than 40 classes the first 40 are shown, and this is said.
        preprocessing: From image to the model's pixels.
        augmentation: Show each image twice, left as it is and right as in the first epoch of
            a training with this seed.
        per_class: Images of each class, 1 to 12, drawn by `seed`.
        seed: Which images, and which augmentation.

    Raises:
        ConfigError: `per_class` is out of range.
    """
    if not 1 <= per_class <= _MOST_PER_CLASS:
        raise ConfigError(
            f"per_class is {per_class!r}.",
            expected=f"1 to {_MOST_PER_CLASS} images of each class",
            code="out_of_range",
        )
    groups = _groups(dataset)
    chosen = {
        name: [rows[index] for index in epoch_order(len(rows), seed=seed, epoch=place)[:per_class]]
        for place, (name, rows) in enumerate(list(groups.items())[:_MOST_CLASSES])
    }
    see = partial(_see, preprocessing=preprocessing, augmentation=augmentation, seed=seed)
    with ThreadPoolExecutor() as pool:
        lines = [
            _Line(name=readable(name), count=len(groups[name]), tiles=tuple(pool.map(see, rows)))
            for name, rows in chosen.items()
        ]
    picture = _Sheet(
        header=_header(dataset, preprocessing, augmentation, seed),
        lines=lines,
        footer=[*_capped(groups), *_unreadable(lines)],
        pixel_size=(preprocessing.width, preprocessing.height),
    ).draw()
    rows = [row for some in chosen.values() for row in some]
    tiles = [tile for line in lines for tile in line.tiles]
    broken = [row.name for row, tile in zip(rows, tiles, strict=True) if tile.error]
    return Shown(
        picture=picture,
        images=len({row.name for row in rows}),
        classes=tuple(name for name in chosen if name in dataset.classes),
        unreadable=tuple(dict.fromkeys(broken)),
    )


@dataclass(frozen=True, kw_only=True)
class _Tile:
    """One image: what the model sees of it, once or twice, or why it sees nothing."""

    name: str
    pictures: tuple[Pixels, ...]
    error: ImageError | None = None


@dataclass(frozen=True, kw_only=True)
class _Line:
    """One class."""

    name: str
    count: int
    tiles: tuple[_Tile, ...]


def _groups(dataset: Dataset) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {name: [] for name in dataset.classes}
    for row in dataset.rows:
        for label in row.labels or (_UNLABELLED,):
            groups.setdefault(label, []).append(row)
    return groups


def _see(
    row: Row, *, preprocessing: Preprocessing, augmentation: Augmentation | None, seed: int
) -> _Tile:
    name = readable(row.name)
    try:
        pixels = load(row.source, preprocessing).pixels
        if augmentation is None:
            return _Tile(name=name, pictures=(pixels,))
        digest = read_content(row.source).digest
    except ImageError as error:
        pictures = (np.zeros((1, 1, 1), np.uint8),) * (1 if augmentation is None else 2)
        return _Tile(name=name, pictures=pictures, error=error)
    changed = augment(pixels, augmentation, seed=seed, epoch=0, digest=digest)
    return _Tile(name=name, pictures=(pixels, changed))


def _header(
    dataset: Dataset, preprocessing: Preprocessing, augmentation: Augmentation | None, seed: int
) -> list[str]:
    colours = "grey" if preprocessing.channels == 1 else "RGB"
    size = f"{preprocessing.width} x {preprocessing.height}"
    lines = [
        f"{len(dataset):,} images, {len(dataset.classes)} classes. "
        f"What the model sees: {size} {colours}, fit: {preprocessing.fit}.",
    ]
    if augmentation is not None:
        lines.append(f"Of each pair: left as it is, right augmented (epoch 1, seed {seed}).")
    return lines


def _capped(groups: dict[str, list[Row]]) -> list[str]:
    left = len(groups) - _MOST_CLASSES
    return [f"{left} more classes are not shown."] if left > 0 else []


def _unreadable(lines: Iterable[_Line]) -> list[str]:
    broken = {tile.name: tile.error for line in lines for tile in line.tiles if tile.error}
    if not broken:
        return []
    told = [f"    {name}: {error.code}" for name, error in broken.items()]
    more = len(told) - _MOST_NAMED
    return [
        f"Of the images shown, {len(told)} cannot be read:",
        *told[:_MOST_NAMED],
        *([f"    and {more} more"] if more > 0 else []),
    ]


@dataclass(frozen=True, kw_only=True)
class _Sheet:
    """Where everything goes.

    Attributes:
        header: Lines above.
        lines: The classes.
        footer: Lines below.
        pixel_size: Width and height of the model's input.
    """

    header: Sequence[str]
    lines: Sequence[_Line]
    footer: Sequence[str]
    pixel_size: tuple[int, int]

    def draw(self) -> Image.Image:
        """Return the sheet."""
        width, height = self._tile_size()
        pictures = max((len(tile.pictures) for tile in self._tiles()), default=1)
        step = pictures * width + (pictures - 1) * _PAIR_GAP + _GAP
        labels = self._label_width()
        columns = max((len(line.tiles) for line in self.lines), default=0)
        texts = [text_width(text, TEXT) for text in (*self.header, *self.footer)]
        inner = max(labels + columns * step - _GAP, *texts)
        line_height = TEXT + 6
        top = _MARGIN + len(self.header) * line_height + _GAP
        end = top + len(self.lines) * (height + _GAP)
        sheet_size = (inner + 2 * _MARGIN, end + len(self.footer) * line_height + _MARGIN)
        sheet = Image.new("RGB", sheet_size, _PAPER)
        pen = ImageDraw.Draw(sheet)
        for number, text in enumerate(self.header):
            pen.text((_MARGIN, _MARGIN + number * line_height), text, _INK, font(TEXT))
        for number, line in enumerate(self.lines):
            y = top + number * (height + _GAP)
            self._label(pen, line, y + height // 2)
            for column, tile in enumerate(line.tiles):
                x = _MARGIN + labels + column * step
                self._paste(sheet, tile, (x, y))
        for number, text in enumerate(self.footer):
            pen.text((_MARGIN, end + number * line_height), text, _ALARM, font(TEXT))
        return sheet

    def _tiles(self) -> Iterable[_Tile]:
        return (tile for line in self.lines for tile in line.tiles)

    def _tile_size(self) -> tuple[int, int]:
        """Return a tile's size: the model's pixels whole or enlarged, or all reduced alike."""
        side = next(side for most, side in _SIDES if len(self.lines) <= most)
        longest = max(self.pixel_size)
        scale = side // longest if longest <= side else side / longest
        width, height = (max(1, round(length * scale)) for length in self.pixel_size)
        return width, height

    def _label_width(self) -> int:
        widths = [
            max(text_width(line.name, TEXT), text_width(_count(line), SMALL)) for line in self.lines
        ]
        return min(max(widths, default=0), _WIDEST_LABEL) + _GAP

    def _label(self, pen: ImageDraw.ImageDraw, line: _Line, middle: int) -> None:
        name = shortened(line.name, _WIDEST_LABEL)
        pen.text((_MARGIN, middle), name, _INK, font(TEXT), anchor="ls")
        pen.text((_MARGIN, middle + 4), _count(line), _FAINT, font(SMALL), anchor="lt")

    def _paste(self, sheet: Image.Image, tile: _Tile, corner: tuple[int, int]) -> None:
        size = self._tile_size()
        for number, pixels in enumerate(tile.pictures):
            x = corner[0] + number * (size[0] + _PAIR_GAP)
            picture = _refusal(tile, size) if tile.error else _resized(pixels, size)
            sheet.paste(picture, (x, corner[1]))


def _resized(pixels: Pixels, size: tuple[int, int]) -> Image.Image:
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    # Enlarged pixels stay squares: what is shown is what there is.
    enlarges = size[0] >= image.width
    return image.resize(size, Image.Resampling.NEAREST if enlarges else Image.Resampling.BOX)


def _refusal(tile: _Tile, size: tuple[int, int]) -> Image.Image:
    picture = Image.new("RGB", size, _ALARM_PAPER)
    pen = ImageDraw.Draw(picture)
    right, bottom = size[0] - 1, size[1] - 1
    pen.line((0, 0, right, bottom), _ALARM)
    pen.line((0, bottom, right, 0), _ALARM)
    pen.rectangle((0, 0, right, bottom), outline=_ALARM)
    lines = ["unreadable", tile.error.code if tile.error else "", PurePath(tile.name).name]
    text = "\n".join(shortened(line, size[0] - 8, SMALL) for line in lines)
    middle = (size[0] / 2, size[1] / 2)
    box = pen.multiline_textbbox(middle, text, font(SMALL), anchor="mm", align="center")
    pen.rectangle(box, _ALARM_PAPER)
    pen.multiline_text(middle, text, _ALARM, font(SMALL), anchor="mm", align="center")
    return picture


def _count(line: _Line) -> str:
    return f"{line.count:,} images" if line.count != 1 else "1 image"

"""From an image to the pixels a model takes: one record, one function, everywhere.

`Preprocessing` is data that travels with every model, so training, evaluation, prediction
and any other client resize alike. Everything after these uint8 pixels is inside the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from PIL import Image

from sightline.errors import ConfigError, did_you_mean, unknown_name
from sightline.files import canonical_json, sha256_bytes
from sightline.images import colours
from sightline.images.decoding import OpenedImage, decoder_version, open_image
from sightline.images.fitting import FITS, Placement
from sightline.images.headers import ImageHeader, Limits

VERSION = 1
_LARGEST_SIDE = 4096
_DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """How an image becomes a model's input. Every policy is stated, also where it has one value.

    Attributes:
        height: Rows of the result.
        width: Columns of the result.
        channels: 3 for RGB, 1 for grey.
        fit: `"squash"` ignores the aspect ratio, `"pad"` keeps all of the picture and fills up
            with `background`, `"crop"` keeps the middle.
        interpolation: A name of `INTERPOLATIONS`; all are antialiased but `"nearest"`.
        background: RGB behind transparent pixels and around padded ones.
        alpha: `"composite"` on `background`.
        sixteen_bit: `"scale"`: the high eight of the bits that the file declares.
        frames: `"first"` of an animation or of pages.
        draft: Let JPEG be scaled by 1/2, 1/4 or 1/8 while decoding where that leaves half as
            many rows and columns again as are wanted. Several times faster for large photos.
            Against a full decode, photos made 96 to 224 pixels wide differ by 0.1 to 0.7 levels
            on average (1.4 at 32 pixels), and 99.9 % of their pixels by at most 11 (sharp edges;
            largest seen 48). A picture given as an
            array has no such shortcut, so it may differ by that much from its JPEG file.
        version: Of this record's meaning.

    Raises:
        ConfigError: A value outside its range or table.
    """

    height: int = 224
    width: int = 224
    channels: int = 3
    fit: str = "squash"
    interpolation: str = "bilinear"
    background: tuple[int, int, int] = colours.WHITE
    alpha: str = "composite"
    sixteen_bit: str = "scale"
    frames: str = "first"
    draft: bool = True
    version: int = VERSION

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            _require(name, getattr(self, name), range(1, _LARGEST_SIDE + 1))
        _require("channels", self.channels, (1, 3))
        for name, table in (("fit", FITS), ("interpolation", INTERPOLATIONS)):
            word = getattr(self, name)
            if not isinstance(word, str) or word not in table:
                raise unknown_name(name, str(word), table)
        if not isinstance(self.background, tuple) or len(self.background) != 3:
            raise _bad("background", self.background, "three levels, red, green and blue")
        for level in self.background:
            _require("background", level, range(256))
        for name, word in _POLICIES.items():
            _require(name, getattr(self, name), (word,))
        if not isinstance(self.draft, bool):
            raise _bad("draft", self.draft, "true or false")
        _require("version", self.version, range(1, VERSION + 1))

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values; `from_json` reads it back."""
        return {**asdict(self), "background": list(self.background)}

    @classmethod
    def from_json(cls, value: Any) -> Preprocessing:
        """Read what `to_json` wrote.

        Raises:
            ConfigError: Not an object, an unknown key, a wrong type or range, or written by a
                later version of Sightline.
        """
        if not isinstance(value, Mapping):
            raise _bad("preprocessing", value, "an object")
        known = [field.name for field in fields(cls)]
        for key in value:
            if key not in known:
                raise ConfigError(
                    f"Unknown key {key!r} in preprocessing.{did_you_mean(str(key), known)}",
                    expected="one of " + ", ".join(known),
                    code="unknown_key",
                )
        background = value.get("background", cls.background)
        whole = tuple(background) if isinstance(background, list) else background
        return cls(**{**value, "background": whole})

    @property
    def digest(self) -> str:
        """SHA-256 of the record and the decoder's version: a key for caches of pixels."""
        text = canonical_json({"decoder": decoder_version(), "preprocessing": self.to_json()})
        return sha256_bytes(text.encode())


@dataclass(frozen=True, kw_only=True)
class PreprocessedImage:
    """A model's input made of one image.

    Attributes:
        pixels: uint8 (height, width, channels) as the `Preprocessing` says; may be read-only.
        header: Of the image it was made of.
        notes: As in `DecodedImage`.
    """

    pixels: np.ndarray
    header: ImageHeader
    notes: tuple[str, ...]


def preprocess(
    data: bytes, preprocessing: Preprocessing, *, limits: Limits = _DEFAULT_LIMITS
) -> PreprocessedImage:
    """Return the model's input for an image file's content.

    Raises:
        ImageError: As `decode` does.
    """
    opened = _open(data, preprocessing, limits)
    fitted = _fit(opened.image, preprocessing)
    return PreprocessedImage(
        pixels=colours.to_pixels(fitted, preprocessing.channels),
        header=opened.header,
        notes=opened.notes,
    )


def upright(
    data: bytes, preprocessing: Preprocessing, *, limits: Limits = _DEFAULT_LIMITS
) -> np.ndarray:
    """Return the upright picture that `preprocess` makes fit: uint8 (H, W, channels).

    `preprocess_pixels` makes of it what `preprocess` makes of the file.

    Raises:
        ImageError: As `decode` does.
    """
    return colours.to_pixels(_open(data, preprocessing, limits).image, preprocessing.channels)


def _open(data: bytes, preprocessing: Preprocessing, limits: Limits) -> OpenedImage:
    return open_image(
        data,
        channels=preprocessing.channels,
        background=preprocessing.background,
        at_least=_enough(preprocessing) if preprocessing.draft else None,
        limits=limits,
    )


def _enough(preprocessing: Preprocessing) -> tuple[int, int]:
    """Return the rows and columns that scaled decoding must leave for resizing.

    Scaling in the frequency domain is sharper than antialiased resizing; half as much again
    lets the resizing decide, and keeps pictures of neighbouring sizes alike.
    """
    return -(-3 * preprocessing.height // 2), -(-3 * preprocessing.width // 2)


def preprocess_pixels(pixels: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """Return the model's input for an upright picture that is decoded already.

    What has the right size and channels comes back bit for bit.

    Args:
        pixels: uint8 (H, W), (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA.
        preprocessing: The model's.

    Returns:
        uint8 (height, width, channels); may be read-only or `pixels` itself.

    Raises:
        ImageError: `bad_pixels`.
    """
    return colours.to_pixels(
        _fit(_plain(pixels, preprocessing), preprocessing), preprocessing.channels
    )


def upright_pixels(pixels: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """Do what `upright` does for a picture that is decoded already.

    Raises:
        ImageError: `bad_pixels`.
    """
    return colours.to_pixels(_plain(pixels, preprocessing), preprocessing.channels)


def _plain(pixels: np.ndarray, preprocessing: Preprocessing) -> Image.Image:
    image = colours.from_pixels(pixels)
    plain, _ = colours.plain(image, depth=8, inverted=False, background=preprocessing.background)
    return colours.with_channels(plain, preprocessing.channels)[0]


def placement(height: int, width: int, preprocessing: Preprocessing) -> Placement:
    """Return where an upright picture of `height` x `width` stands in the model's input."""
    return FITS[preprocessing.fit]((width, height), (preprocessing.width, preprocessing.height))


def _fit(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    size = (preprocessing.width, preprocessing.height)
    if image.size == size:
        return image
    place = placement(image.height, image.width, preprocessing)
    left, top, right, bottom = place.target
    inner = (right - left, bottom - top)
    fitted = image.resize(inner, INTERPOLATIONS[preprocessing.interpolation], box=place.source)
    if inner == size:
        return fitted
    if preprocessing.channels == 3:
        fitted = fitted.convert("RGB")  # A grey picture on a coloured background.
    canvas = Image.new("RGB", size, preprocessing.background).convert(fitted.mode)
    canvas.paste(fitted, (left, top))
    return canvas


INTERPOLATIONS: Mapping[str, Image.Resampling] = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

_POLICIES: Mapping[str, str] = {"alpha": "composite", "sixteen_bit": "scale", "frames": "first"}


def _require(name: str, value: Any, allowed: range | tuple[Any, ...]) -> None:
    # True is 1 to Python, and no width.
    if type(value) is not type(allowed[0]) or value not in allowed:
        words = (
            f"a whole number from {allowed[0]} to {allowed[-1]}"
            if isinstance(allowed, range)
            else "one of " + ", ".join(map(str, allowed))
        )
        raise _bad(name, value, words)


def _bad(name: str, value: Any, expected: str) -> ConfigError:
    return ConfigError(f"{name} is {value!r}.", expected=expected, code=f"bad_{name}")

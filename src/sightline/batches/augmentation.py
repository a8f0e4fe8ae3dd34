"""What may be done to a training image, as data.

An augmentation must keep the label true. No preset mirrors images, because only the user
knows whether a mirror image means the same: it does for clothes and cats, not for digits,
letters, arrows, or left and right hands, where mirroring teaches wrong answers silently.
Where it does, `replace(PRESETS["light"], horizontal_flip=True)` is the best single gain.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Any

from sightline.errors import ConfigError, did_you_mean

_BOUNDS: Mapping[str, tuple[float, float]] = {
    "rotation": (0, 180),
    "translation": (0, 0.5),
    "shift_pixels": (0, 1024),
    "zoom": (1, 4),
    "aspect": (1, 4),
    "shear": (0, 60),
    "brightness": (0, 1),
    "contrast": (0, 1),
    "gamma": (1, 4),
    "saturation": (0, 1),
    "hue": (0, 180),
    "erase_probability": (0, 1),
    "erase_area": (0.02, 0.8),
    "mixup": (0, 10),
    "cutmix": (0, 10),
}
_FLAGS = ("horizontal_flip", "vertical_flip")
_WHOLE = ("shift_pixels",)


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """The ranges from which each image's changes are drawn anew in each epoch.

    All geometry becomes one warp, so a pixel is interpolated once; what comes in from
    outside is the image mirrored at its edge. The defaults change nothing.

    Attributes:
        rotation: Degrees, up to this many either way.
        translation: Share of height and of width, up to this much either way.
        shift_pixels: Whole pixels, up to this many either way on each axis. Alone or with
            flips it moves pixels without interpolation: the way for images of 32 pixels.
        zoom: Magnification from 1/zoom to zoom, log-uniform.
        aspect: Stretch of width against height from 1/aspect to aspect, log-uniform.
        shear: Degrees, along the rows, up to this many either way.
        horizontal_flip: Mirror left and right, each image in every other epoch. Wrong for
            digits, text, and all that has a left and a right.
        vertical_flip: Mirror top and bottom, each image in two epochs of four: for cells,
            satellite images and others without an up.
        brightness: Share of white added or taken, up to this much.
        contrast: Factor from 1 - contrast to 1 + contrast, about mid-grey.
        gamma: Exponent from 1/gamma to gamma, log-uniform.
        saturation: Factor from 1 - saturation to 1 + saturation. Grey images have none.
        hue: Degrees on the colour circle, up to this many either way. Grey images have none.
        erase_probability: Share of the images in which a rectangle is painted over with the
            image's mean colour (Zhong et al. 2020, "Random erasing data augmentation").
        erase_area: The largest such rectangle, as a share of the image; the least is 0.02.
        mixup: Alpha of MixUp, per batch (Zhang et al. 2018); 0 is off.
        cutmix: Alpha of CutMix, per batch (Yun et al. 2019); 0 is off. With both, each batch
            gets one of them.

    Raises:
        ConfigError: A value has the wrong type or is out of range.
    """

    rotation: float = 0.0
    translation: float = 0.0
    shift_pixels: int = 0
    zoom: float = 1.0
    aspect: float = 1.0
    shear: float = 0.0
    horizontal_flip: bool = False
    vertical_flip: bool = False
    brightness: float = 0.0
    contrast: float = 0.0
    gamma: float = 1.0
    saturation: float = 0.0
    hue: float = 0.0
    erase_probability: float = 0.0
    erase_area: float = 0.2
    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        for name in _FLAGS:
            if not isinstance(getattr(self, name), bool):
                raise _wrong(name, getattr(self, name), "true or false")
        for name, (low, high) in _BOUNDS.items():
            number = _number(name, getattr(self, name))
            if not low <= number <= high:
                raise _wrong(name, getattr(self, name), f"{low:g} to {high:g}")
            object.__setattr__(self, name, number)

    @property
    def moves(self) -> bool:
        """Whether pixels move at all."""
        return self.warps or self.shift_pixels > 0 or self.horizontal_flip or self.vertical_flip

    @property
    def warps(self) -> bool:
        """Whether pixels move by more than flips and whole pixels."""
        return (
            bool(self.rotation or self.translation or self.shear) or max(self.zoom, self.aspect) > 1
        )

    @property
    def relights(self) -> bool:
        """Whether brightness, contrast or gamma change."""
        return bool(self.brightness or self.contrast) or self.gamma > 1

    @property
    def recolours(self) -> bool:
        """Whether saturation or hue change."""
        return bool(self.saturation or self.hue)

    @property
    def erases(self) -> bool:
        """Whether rectangles are painted over."""
        return self.erase_probability > 0

    @property
    def changes_images(self) -> bool:
        """Whether an image by itself changes at all."""
        return self.moves or self.relights or self.recolours or self.erases

    @property
    def mixes(self) -> bool:
        """Whether the images of a batch are mixed with each other."""
        return bool(self.mixup or self.cutmix)

    def to_json(self) -> dict[str, Any]:
        """Return all fields by name."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: object) -> Augmentation:
        """Return the record that `to_json` wrote; a field not given has its default.

        Raises:
            ConfigError: `value` is not an object, or has an unknown field or a bad value.
        """
        if not isinstance(value, Mapping):
            raise _wrong("augmentation", value, "an object with the fields of Augmentation")
        known = [field.name for field in fields(cls)]
        for name in value:
            if name not in known:
                raise ConfigError(
                    f"Unknown augmentation field {name!r}.{did_you_mean(str(name), known)}",
                    expected="one of " + ", ".join(known),
                    code="unknown_field",
                )
        return cls(**value)


def _number(name: str, value: object) -> float:
    kind = int if name in _WHOLE else (int, float)
    if isinstance(value, bool) or not isinstance(value, kind) or not math.isfinite(value):
        raise _wrong(name, value, "a whole number" if name in _WHOLE else "a finite number")
    # 10 and 10.0 are the same augmentation and must have the same JSON, so the same digest.
    return value if name in _WHOLE else float(value)


def _wrong(name: str, value: object, expected: str) -> ConfigError:
    return ConfigError(
        f"{name} is {value!r}.", expected=expected, code="out_of_range", details={"option": name}
    )


PRESETS: Mapping[str, Augmentation] = MappingProxyType(
    {
        "none": Augmentation(),
        "shift": Augmentation(shift_pixels=2),
        "light": Augmentation(
            rotation=8, translation=0.06, zoom=1.12, brightness=0.08, contrast=0.15
        ),
        "strong": Augmentation(
            rotation=20,
            translation=0.1,
            zoom=1.3,
            aspect=1.15,
            shear=8,
            brightness=0.15,
            contrast=0.3,
            gamma=1.3,
            saturation=0.4,
            hue=12,
            erase_probability=0.25,
            erase_area=0.2,
        ),
    }
)
"""By name. Each keeps the label of digits, text and photos alike: none mirrors."""

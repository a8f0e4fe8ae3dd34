"""Which network, as data: all that `models.build` needs to make the same one again.

TensorFlow-free, and closed: a backbone or option that the catalogue does not list is
refused, so reading an architecture from a file can name a network but never bring one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from sightline.errors import ConfigError, unknown_name
from sightline.models.cards import BackboneCard
from sightline.models.catalog import backbone_card
from sightline.models.options import Value, complete
from sightline.predictions import Task

_TTA = ("flip", "none")
_TASKS: Mapping[str, int] = {"multi_class": 2, "multi_label": 1}  # task -> fewest classes
_MOST_CLASSES = 100_000
_LARGEST_SIDE = 4096
_MOST_CHANNELS = 65_536


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A backbone with its head.

    Attributes:
        backbone: A name in `models.BACKBONES`.
        classes: Number of outputs.
        task: `"multi_class"` (softmax) or `"multi_label"` (a sigmoid for each class).
        height: Rows of pixels.
        width: Columns of pixels.
        channels: 3 for colour, 1 for grey (repeated to three inside pretrained backbones).
        dropout: Share of the embedding dropped before the last layer while training.
        tta: Test-time augmentation: `"flip"` answers for an image and its mirror image and
            takes the mean of their embeddings, `"none"` for the image alone.
        options: The backbone's own options. Defaults are filled in, so a default that
            changes later never changes a network that was saved.
        widths: Outputs of single layers by name, where they are fewer than the backbone gives
            them: channels that were pruned away (`models.narrow`).
        quantized: Batch normalisation is folded away, and the ranges of what 8 bits keep are
            weights of the network (`models.quantized`).

    Raises:
        ConfigError: An unknown name, or a value of a wrong type or out of range.
    """

    backbone: str
    classes: int
    task: Task = "multi_class"
    height: int
    width: int
    channels: int = 3
    dropout: float = 0.0
    tta: str = "none"
    options: Mapping[str, Value] = field(default_factory=dict)
    widths: Mapping[str, int] = field(default_factory=dict)
    quantized: bool = False

    def __post_init__(self) -> None:
        card = self.card
        if self.task not in _TASKS:
            raise unknown_name("task", self.task, _TASKS)
        _check_whole("classes", self.classes, _TASKS[self.task], _MOST_CLASSES)
        for name, side, smallest in zip(
            ("height", "width"), (self.height, self.width), card.minimum_size, strict=True
        ):
            _check_whole(name, side, smallest, _LARGEST_SIDE, f" for {self.backbone}")
        if self.channels not in (1, 3) or isinstance(self.channels, bool):
            raise ConfigError(f"channels is {self.channels!r}.", expected="3 (colour) or 1 (grey)")
        if not _is_share(self.dropout):
            raise ConfigError(
                f"dropout is {self.dropout!r}.", expected="a number from 0 to below 1"
            )
        if self.tta not in _TTA:
            raise unknown_name("tta", self.tta, _TTA)
        if not isinstance(self.quantized, bool):
            raise ConfigError(f"quantized is {self.quantized!r}.", expected="true or false")
        if not isinstance(self.options, Mapping):
            raise ConfigError(
                f"options is {self.options!r}.", expected="a mapping of names to values"
            )
        filled = complete(card.options, self.options, owner=self.backbone)
        object.__setattr__(self, "options", filled)
        _check_widths(self.widths)
        object.__setattr__(self, "widths", dict(sorted(self.widths.items())))

    @property
    def card(self) -> BackboneCard:
        """The catalogue's card of the backbone."""
        return backbone_card(self.backbone)

    def to_json(self) -> dict[str, Any]:
        """Return the architecture as JSON values; `from_json` is its inverse."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        values["options"] = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in self.options.items()
        }
        # Absent where nothing was compressed: such architectures, and their digests, stay as they
        # were.
        widths, quantized = values.pop("widths"), values.pop("quantized")
        return {
            **values,
            **({"widths": dict(widths)} if widths else {}),
            **({"quantized": True} if quantized else {}),
        }

    @classmethod
    def from_json(cls, value: Any) -> Architecture:
        """Return the architecture that `to_json` wrote.

        Raises:
            ConfigError: A key is unknown or missing, or a value is not allowed.
        """
        if not isinstance(value, Mapping):
            raise ConfigError(f"The architecture is {value!r}.", expected="a JSON object")
        known = [entry.name for entry in fields(cls)]
        for name in value:
            if name not in known:
                raise unknown_name("architecture key", str(name), known)
        missing = [name for name in ("backbone", "classes", "height", "width") if name not in value]
        if missing:
            raise ConfigError(
                f"The architecture lacks {', '.join(missing)}.",
                expected="backbone, classes, height and width",
                code="missing_key",
            )
        return cls(**value)


def _check_whole(name: str, value: Any, low: int, high: int, where: str = "") -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not low <= value <= high:
        raise ConfigError(
            f"{name} is {value!r}.", expected=f"a whole number from {low} to {high}{where}"
        )


def _check_widths(widths: Any) -> None:
    if not isinstance(widths, Mapping) or not all(isinstance(name, str) for name in widths):
        raise ConfigError(f"widths is {widths!r}.", expected="a mapping of layer names to numbers")
    for name, width in widths.items():
        _check_whole(f"The width of {name}", width, 1, _MOST_CHANNELS)


def _is_share(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and 0 <= value < 1

"""The options of the methods, checked at birth. Needs no TensorFlow.

`None` leaves a choice to the training mode's defaults (`training.recipe`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sightline.batches import PRESETS
from sightline.errors import ConfigError, unknown_name
from sightline.models.catalog import backbone_card
from sightline.models.options import Value, complete

WEIGHTS = ("own", "imagenet", "none")
"""Where a student may start: at the weights of its teacher, at ImageNet's, at random ones."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What every method that fine-tunes has.

    Attributes:
        epochs: Passes over the training images.
        learning_rate: The peak of the schedule.
        batch_size: Images in one step.
        seed: Everything random comes from it.

    Raises:
        ConfigError: A value is of a wrong type or out of range.
    """

    epochs: int | None = None
    learning_rate: float | None = None
    batch_size: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs is not None:
            check_whole("epochs", self.epochs, 1, 100_000)
        if self.learning_rate is not None:
            check_number("learning_rate", self.learning_rate, 1e-9, 100)
        if self.batch_size is not None:
            check_whole("batch_size", self.batch_size, 1, 65_536)
        check_whole("seed", self.seed, 0, 2**63 - 1)

    def to_json(self) -> dict[str, Any]:
        """Return all of them by name."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class TaughtOptions(Options):
    """What every method that learns from the original's answers has.

    Attributes:
        temperature: Divides the logits of both before they are compared.
        share: Of the loss that compares them; the rest is the loss on the labels.
        augment: How images are changed, by name (`batches.PRESETS`); as the original had it by
            default. Mirroring stays as it was decided for the original.
    """

    temperature: float = 2.0
    share: float = 0.9
    augment: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("temperature", self.temperature, 0.1, 100)
        check_number("share", self.share, 0.001, 1)
        if self.augment is not None and self.augment not in PRESETS:
            raise unknown_name("augmentation", self.augment, PRESETS)


@dataclass(frozen=True, kw_only=True)
class DistillOptions(TaughtOptions):
    """Of distillation: what the student is.

    Attributes:
        backbone: Its network; the teacher's by default.
        backbone_options: Options of the network; the teacher's where the network is the same.
        image_size: (height, width) of its images; the teacher's by default.
        weights: Where it starts (`WEIGHTS`); by default at the teacher's where the network is the
            same one, else at ImageNet's where there are any.
    """

    backbone: str | None = None
    backbone_options: Mapping[str, Value] = field(default_factory=dict)
    image_size: tuple[int, int] | None = None
    weights: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.backbone_options, Mapping):
            raise _refusal("backbone_options", self.backbone_options, "names and values")
        if self.image_size is not None:
            _check_size(self.image_size)
        if self.backbone is not None:
            if not isinstance(self.backbone, str):
                raise _refusal("backbone", self.backbone, "the name of a network")
            options = backbone_card(self.backbone).options
            complete(options, self.backbone_options, owner=self.backbone)
        if self.weights is not None and self.weights not in WEIGHTS:
            raise unknown_name("weights", self.weights, WEIGHTS)


@dataclass(frozen=True, kw_only=True)
class ChannelOptions(TaughtOptions):
    """Of channel pruning: how much goes.

    Attributes:
        keep: Share of the multiply-adds that stays, at most.
        images: Training images that show which channels matter.
    """

    keep: float = 0.5
    images: int = 512

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("keep", self.keep, 0.02, 0.98)
        check_whole("images", self.images, 1, 1_000_000)


@dataclass(frozen=True, kw_only=True)
class MagnitudeOptions(TaughtOptions):
    """Of pruning by magnitude: how many weights go, and when.

    Attributes:
        sparsity: Share of the weights of each kernel that are zero in the end.
        ramp: Share of the steps in which that many become zero; in the others the rest learns on.
        every: Steps between one pruning and the next.
    """

    sparsity: float = 0.5
    ramp: float = 0.5
    every: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("sparsity", self.sparsity, 0.01, 0.99)
        check_number("ramp", self.ramp, 0, 1)
        check_whole("every", self.every, 1, 1_000_000)


@dataclass(frozen=True, kw_only=True)
class QuantizationOptions(TaughtOptions):
    """Of quantisation-aware training: what shows which values occur.

    Attributes:
        images: Training images that are looked at for that.
    """

    images: int = 200

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole("images", self.images, 1, 1_000_000)


def check_whole(name: str, value: Any, low: int, high: int) -> None:
    """Refuse what is not a whole number from `low` to `high`.

    Raises:
        ConfigError: It is not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise _refusal(name, value, f"a whole number from {low} to {high}")


def check_number(name: str, value: Any, low: float, high: float) -> None:
    """Refuse what is not a number from `low` to `high`.

    Raises:
        ConfigError: It is not.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not low <= value <= high:
        raise _refusal(name, value, f"a number from {low:g} to {high:g}")


def _check_size(size: Any) -> None:
    sides = size if isinstance(size, list | tuple) else ()
    if len(sides) != 2 or not all(type(side) is int and side > 0 for side in sides):
        raise _refusal("image_size", size, "two whole numbers, height and width: --image-size 128")


def _refusal(name: str, value: Any, expected: str) -> ConfigError:
    return ConfigError(f"{name} is {value!r}.", expected=expected, code="out_of_range")

"""What to do, decided before anything is done.

`Options` is what a user says, with `None` for "you choose". `resolve` turns it into a
`Recipe`, which leaves nothing open and is stored in the bundle. An option that has no
effect in the chosen mode is an error, because silence would be read as consent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from sightline.batches import PRESETS, Augmentation
from sightline.errors import ConfigError, unknown_name
from sightline.images import Preprocessing
from sightline.models import Architecture, BackboneCard, backbone_card
from sightline.predictions import Task
from sightline.training.schedule import DECAYS

Mode = Literal["quick", "standard", "scratch"]
ClassWeight = Literal["balanced"] | Mapping[str, float] | None

OPTIMIZERS = ("adam", "adamw", "muon", "sgd")
PRECISIONS = ("float32", "bfloat16")
EFFORTS = ("quick", "standard")


def _require(holds: bool, name: str, value: object, expected: str) -> None:
    if not holds:
        raise ConfigError(f"{name} is {value!r}.", expected=expected, code="out_of_range")


@dataclass(frozen=True, kw_only=True)
class Optimisation:
    """Training by gradient descent: fine-tuning, or from scratch.

    Attributes:
        epochs: Passes over the training images.
        batch_size: Images in one step, over all devices.
        optimizer: `"adam"`, `"adamw"` (decoupled weight decay), `"muon"` (`training.muon`) or
            `"sgd"` (Nesterov, 0.9).
        learning_rate: The peak of the schedule.
        weight_decay: Decoupled, not on biases and normalisation.
        label_smoothing: Share of each target spread over all classes.
        warmup: Share of the steps in which the rate rises.
        decay: How it falls; a name in `training.schedule.DECAYS`.
        augmentation: What happens to each training image.
        frozen_stride: Layers whose positions stand for up to so many pixels keep the weights
            they start with; 0 trains them all.
        precision: What activations are computed in: `"float32"`, or `"bfloat16"` with weights
            in float32, which is faster where the processor knows it. The model that comes out
            computes in float32.
        grow_from: Side of the images in the first half of the steps, as a share of the side
            that the network is made for.
        patience: Stop after so many epochs without a better validation loss; `None` never.
    """

    epochs: int
    batch_size: int
    optimizer: str
    learning_rate: float
    weight_decay: float
    label_smoothing: float
    warmup: float
    decay: str
    augmentation: Augmentation
    frozen_stride: int = 0
    precision: str = "float32"
    grow_from: float = 1.0
    patience: int | None = None

    def __post_init__(self) -> None:
        _require(self.optimizer in OPTIMIZERS, "optimizer", self.optimizer, " | ".join(OPTIMIZERS))
        _require(self.decay in DECAYS, "decay", self.decay, " | ".join(DECAYS))
        _require(1 <= self.epochs <= 100_000, "epochs", self.epochs, "1 to 100000")
        _require(1 <= self.batch_size <= 65_536, "batch_size", self.batch_size, "1 to 65536")
        _require(0 < self.learning_rate <= 100, "learning_rate", self.learning_rate, "above 0")
        _require(0 <= self.weight_decay <= 1, "weight_decay", self.weight_decay, "0 to 1")
        _require(0 <= self.label_smoothing < 1, "label_smoothing", self.label_smoothing, "0 to 1")
        _require(0 <= self.warmup <= 1, "warmup", self.warmup, "0 to 1")
        _require(0 <= self.frozen_stride <= 64, "frozen_stride", self.frozen_stride, "0 to 64")
        _require(self.precision in PRECISIONS, "precision", self.precision, " | ".join(PRECISIONS))
        _require(0.25 <= self.grow_from <= 1, "grow_from", self.grow_from, "0.25 to 1")
        if self.patience is not None:
            _require(self.patience >= 1, "patience", self.patience, "1 or more")


@dataclass(frozen=True, kw_only=True)
class Distillation:
    """Learning from a teacher's answers beside the labels (Hinton et al. 2015, arXiv:1503.02531).

    Attributes:
        teacher: SHA-256 of the teacher's weights.
        temperature: Divides the logits of both before they are compared.
        share: Of the loss that compares them; the rest is the loss on the labels.
    """

    teacher: str
    temperature: float
    share: float

    def __post_init__(self) -> None:
        _require(0.1 <= self.temperature <= 100, "temperature", self.temperature, "0.1 to 100")
        _require(0 < self.share <= 1, "share", self.share, "above 0, at most 1")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A training run but for the data.

    Attributes:
        mode: `"quick"` fits a head on frozen features; `"standard"` then fine-tunes all of
            it; `"scratch"` trains from random weights.
        architecture: The network.
        preprocessing: From image to pixels.
        weights: `"imagenet"`, `"none"` or the path of a file.
        head_strengths: Inverse regularisation strengths tried for the head; validation chooses.
        mirrored: The head is fitted on mirror images of the training images too.
        optimisation: The gradient part; `None` in quick mode.
        class_weight: `"balanced"`, a weight for each class name, or `None`.
        seed: Everything random comes from it.
        distillation: How the gradient part learns from a teacher; `None` without one.
    """

    mode: Mode
    architecture: Architecture
    preprocessing: Preprocessing
    weights: str
    head_strengths: tuple[float, ...]
    mirrored: bool
    optimisation: Optimisation | None
    class_weight: ClassWeight = None
    seed: int = 0
    distillation: Distillation | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as JSON: two runs with the same one do the same to the same data."""
        optimisation = None
        if self.optimisation is not None:
            augmentation = self.optimisation.augmentation
            fields = asdict(replace(self.optimisation, augmentation=PRESETS["none"]))
            optimisation = {**fields, "augmentation": augmentation.to_json()}
        weight = self.class_weight
        # Absent without a teacher, so that the recipes of plain training stay as they were.
        taught = {} if self.distillation is None else {"distillation": asdict(self.distillation)}
        return {
            "mode": self.mode,
            "architecture": self.architecture.to_json(),
            "preprocessing": self.preprocessing.to_json(),
            "weights": self.weights,
            "head_strengths": list(self.head_strengths),
            "mirrored": self.mirrored,
            "optimisation": optimisation,
            "class_weight": dict(weight) if isinstance(weight, Mapping) else weight,
            "seed": self.seed,
            **taught,
        }


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a user asks for; `None` leaves the choice to the mode's defaults.

    The names are those of `Optimisation`, `Preprocessing` and `Architecture`. `flip` also
    learns from mirror images, left for right: right for photos, wrong for letters, digits
    and whatever has a left and a right, so it is never done unasked.
    """

    backbone: str | None = None
    backbone_options: Mapping[str, Any] = field(default_factory=dict)
    weights: str = "imagenet"
    effort: str = "standard"
    image_size: tuple[int, int] | None = None
    channels: int | None = None
    fit: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    optimizer: str | None = None
    learning_rate: float | None = None
    weight_decay: float | None = None
    label_smoothing: float | None = None
    warmup: float | None = None
    decay: str | None = None
    augment: str | Augmentation | None = None
    flip: bool | None = None
    frozen_stride: int | None = None
    precision: str | None = None
    grow_from: float | None = None
    patience: int | None = None
    dropout: float | None = None
    tta: str | None = None
    head_strengths: tuple[float, ...] | None = None
    class_weight: ClassWeight = None
    seed: int = 0


HEAD_STRENGTHS = tuple(10.0**power for power in (-4, -3.5, -3, -2.5, -2, -1.5, -1, -0.5, 0))
"""Inverse strengths of the L2 penalty on scaled features, from strong to weak."""

_FINE_TUNING = Optimisation(
    epochs=6,
    batch_size=32,
    optimizer="adamw",
    learning_rate=5e-4,
    weight_decay=0.01,
    label_smoothing=0.1,
    warmup=0.1,
    decay="cosine",
    augmentation=PRESETS["light"],
    frozen_stride=8,
)
_FROM_SCRATCH = Optimisation(
    epochs=12,
    batch_size=64,
    optimizer="sgd",
    learning_rate=0.1,
    weight_decay=5e-4,
    label_smoothing=0.1,
    warmup=0.2,
    decay="linear",
    augmentation=PRESETS["light"],
)

DEFAULTS: Mapping[tuple[Mode, str], Optimisation | None] = {
    ("quick", "quick"): None,
    ("standard", "standard"): _FINE_TUNING,
    ("scratch", "quick"): _FROM_SCRATCH,
    ("scratch", "standard"): replace(_FROM_SCRATCH, epochs=40),
}
"""The gradient part for each mode and effort."""

_RATES: Mapping[Mode, Mapping[str, float]] = {
    "standard": {"muon": 0.02, "sgd": 0.01},
    "scratch": {"adam": 1e-3, "adamw": 1e-3, "muon": 0.12, "sgd": 0.1},
}
"""Peak rates by optimiser, where the backbone's card has none."""

_DEFAULT_BACKBONE: Mapping[Mode, str] = {
    "quick": "mobilenet_v2",
    "standard": "mobilenet_v2",
    "scratch": "small_resnet",
}
_OPTIMISATION_OPTIONS = (
    "epochs",
    "batch_size",
    "optimizer",
    "learning_rate",
    "weight_decay",
    "label_smoothing",
    "warmup",
    "decay",
    "augment",
    "flip",
    "frozen_stride",
    "precision",
    "grow_from",
    "patience",
)


def resolve(options: Options, *, classes: int, task: Task) -> Recipe:
    """Return the recipe that `options` and the defaults of the mode make.

    Args:
        options: What the user asked for.
        classes: Number of classes in the data, at least 2 (multi-label: 1).
        task: `"multi_class"` or `"multi_label"`.

    Raises:
        ConfigError: An option is unknown, out of range, or without effect in this mode.
    """
    if options.effort not in EFFORTS:
        raise unknown_name("effort", options.effort, EFFORTS)
    mode: Mode = "scratch" if options.weights == "none" else _mode_of(options.effort)
    _refuse_without_effect(options, mode)
    backbone = options.backbone or _DEFAULT_BACKBONE[mode]
    card = backbone_card(backbone)
    if options.weights == "imagenet" and "imagenet" not in card.weights:
        raise ConfigError(
            f"There are no ImageNet weights for {backbone!r}.",
            expected="weights none, or the path of a weights file",
            fix="add --weights none, or choose another --backbone (sightline models lists them)",
            code="no_such_weights",
        )
    height, width = options.image_size or card.default_size
    channels = 3 if options.channels is None else options.channels
    preprocessing = Preprocessing(
        height=height,
        width=width,
        channels=channels,
        fit=options.fit or Preprocessing().fit,
    )
    architecture = Architecture(
        backbone=backbone,
        classes=classes,
        task=task,
        height=height,
        width=width,
        channels=channels,
        dropout=options.dropout or 0.0,
        tta=options.tta or "none",
        options=options.backbone_options,
    )
    optimisation = _optimisation(options, mode, card)
    return Recipe(
        mode=mode,
        architecture=architecture,
        preprocessing=preprocessing,
        weights=options.weights,
        head_strengths=() if mode == "scratch" else options.head_strengths or HEAD_STRENGTHS,
        mirrored=mode != "scratch" and _mirrors(options, optimisation),
        optimisation=optimisation,
        class_weight=options.class_weight,
        seed=options.seed,
    )


def _mode_of(effort: str) -> Mode:
    return "quick" if effort == "quick" else "standard"


def _refuse_without_effect(options: Options, mode: Mode) -> None:
    idle: tuple[str, ...] = ()
    if mode == "quick":
        idle = (*(name for name in _OPTIMISATION_OPTIONS if name != "flip"), "dropout")
    if mode == "standard":
        idle = ("grow_from",)
    if mode == "scratch":
        idle = ("head_strengths", "frozen_stride")
    given = [name for name in idle if getattr(options, name) is not None]
    if given:
        words = ", ".join(f"{name}={getattr(options, name)!r}" for name in given)
        raise ConfigError(
            f"{words} would have no effect: {_WHY_IDLE[mode]}.",
            expected="only options that the chosen mode uses",
            fix=f"leave out {', '.join(given)}, or choose {_USE_INSTEAD[mode]}",
            code="option_without_effect",
            details={"options": given, "mode": mode},
        )


_WHY_IDLE = {
    "quick": "effort='quick' fits a head on frozen features, without gradient steps",
    "standard": "fine-tuning sees images at the size that they have in use",
    "scratch": "training from scratch has no weights worth keeping and no separate head",
}
_USE_INSTEAD = {
    "quick": "--effort standard (effort='standard' in Python)",
    "standard": "--weights none (weights='none' in Python)",
    "scratch": "--weights imagenet (weights='imagenet' in Python)",
}


def _optimisation(options: Options, mode: Mode, card: BackboneCard) -> Optimisation | None:
    default = DEFAULTS[mode, options.effort]
    if default is None:
        return None
    default = replace(default, learning_rate=_rate(options.optimizer, default, mode, card))
    chosen = {
        name: getattr(options, name)
        for name in _OPTIMISATION_OPTIONS
        if name not in ("augment", "flip") and getattr(options, name) is not None
    }
    augmentation = default.augmentation
    if options.augment is not None:
        augmentation = _augmentation(options.augment)
    if options.flip is not None:
        augmentation = replace(augmentation, horizontal_flip=options.flip)
    return replace(default, **chosen, augmentation=augmentation)


def _rate(chosen: str | None, default: Optimisation, mode: Mode, card: BackboneCard) -> float:
    """Return the peak rate that suits the optimiser: they differ by factors of hundreds."""
    optimizer = chosen or default.optimizer
    if mode == "standard" and optimizer in ("adam", "adamw"):
        return card.fine_tuning_rate
    return _RATES[mode].get(optimizer, default.learning_rate)


def _mirrors(options: Options, optimisation: Optimisation | None) -> bool:
    if optimisation is None:
        return bool(options.flip)
    return optimisation.augmentation.horizontal_flip


def _augmentation(value: str | Augmentation) -> Augmentation:
    if isinstance(value, Augmentation):
        return value
    if value not in PRESETS:
        raise unknown_name("augmentation", value, PRESETS)
    return PRESETS[value]

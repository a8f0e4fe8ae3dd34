"""What a card in the catalogue of backbones says. TensorFlow-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sightline.models.options import Option


@dataclass(frozen=True, kw_only=True)
class ImageNetFiles:
    """The weight files that Keras publishes for a backbone.

    A file's name is `pattern` with `{alpha}`, `{size}` and `{top}` filled in.

    Attributes:
        folder: Address of the folder that the files are downloaded from.
        pattern: Template of the file name.
        top: What `{top}` becomes with the classifier, and without.
        sizes: Side lengths that there is a file for: the images it was trained on.
        alphas: Width multipliers that there is a file for, as they stand in the name.
    """

    folder: str
    pattern: str
    top: tuple[str, str] = ("", "_notop")
    sizes: tuple[int, ...] = (224,)
    alphas: Mapping[float, str] = field(default_factory=lambda: {1.0: ""})

    def file_name(self, *, alpha: float, size: int, with_classifier: bool) -> str:
        """Return the name of one file."""
        top = self.top[0 if with_classifier else 1]
        return self.pattern.format(alpha=self.alphas[alpha], size=size, top=top)


@dataclass(frozen=True, kw_only=True)
class BackboneCard:
    """What one wants to know of a backbone before choosing it.

    Attributes:
        name: The word for it everywhere in Sightline.
        title: The name people use.
        builder: `"module:attribute"`: a class of `keras.applications` or a builder of ours.
        arguments: More arguments for a `keras.applications` builder.
        parameters: Number of weights without the head.
        scaling: How uint8 pixels become the backbone's input, a name in `models.layers`.
        licence: Of the network and its ImageNet weights.
        default_size: (height, width) of images where the user states none.
        minimum_size: The smallest (height, width).
        embedding: Length of the feature vector that the head reads.
        feature_layer: The layer whose output is the last convolutional activation (Grad-CAM).
        fine_tuning_rate: The peak of the learning rate that fine-tuning takes by default.
        imagenet: The published weights, if there are any.
        options: The backbone's options with their defaults.
        source: The paper.
    """

    name: str
    title: str
    builder: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    parameters: int
    scaling: str
    licence: str
    default_size: tuple[int, int] = (224, 224)
    minimum_size: tuple[int, int] = (32, 32)
    embedding: int
    feature_layer: str
    fine_tuning_rate: float = 1e-4
    imagenet: ImageNetFiles | None = None
    options: Mapping[str, Option] = field(default_factory=dict)
    source: str

    @property
    def weights(self) -> tuple[str, ...]:
        """Names of the published weights."""
        return ("imagenet",) if self.imagenet else ()

    @property
    def size_mb(self) -> float:
        """Size of the float32 weights without the head, in megabytes (10^6 bytes)."""
        return round(self.parameters * 4 / 1e6, 1)

"""Weights into a built model by the word a user gives, and ready-made ImageNet classifiers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras

from sightline.errors import MachineError
from sightline.files import parse_json, printable
from sightline.images import Preprocessing
from sightline.models.architecture import Architecture
from sightline.models.build import build
from sightline.models.catalog import backbone_card
from sightline.models.imagenet import Progress, fetch, imagenet_file, keras_home
from sightline.models.imagenet_md5 import CLASS_INDEX_MD5
from sightline.models.weight_files import load_published, load_weights_file

_CLASS_INDEX = (
    "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
)
# Words that ImageNet uses for two classes each.
_TWINS: Mapping[str, str] = {
    "n02012849": "crane (bird)",
    "n03126707": "crane (machine)",
    "n03710637": "maillot (swimsuit)",
    "n03710721": "maillot (tank suit)",
}


@dataclass(frozen=True, kw_only=True)
class LoadedWeights:
    """Where the weights of a model came from.

    Attributes:
        source: `"imagenet"`, `"none"` or the path.
        file: Name of the file that was read, or None.
        head: Whether the head was set too.
        notices: What a user should know.
    """

    source: str
    file: str | None = None
    head: bool = False
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ReadyMade:
    """A network that classifies into the 1000 ImageNet classes without training.

    Attributes:
        model: As `models.build` makes it.
        architecture: Of the model.
        preprocessing: What makes the model's pixels: the middle of the picture, unsquashed.
        classes: Words for people, in the order of the outputs; distinct.
        loaded: Where the weights came from.
    """

    model: keras.Model
    architecture: Architecture
    preprocessing: Preprocessing
    classes: tuple[str, ...]
    loaded: LoadedWeights


def load_weights(
    model: keras.Model,
    architecture: Architecture,
    weights: str,
    *,
    progress: Progress | None = None,
) -> LoadedWeights:
    """Set the weights that a user asked for.

    Args:
        model: `build(architecture)`.
        architecture: Of the model.
        weights: `"imagenet"`, `"none"` (leave the random ones) or a path.
        progress: Called with bytes fetched and bytes in all.

    Raises:
        ConfigError: There are no ImageNet weights for this network.
        MachineError: They are not on this machine and cannot be fetched.
        ModelError: A file does not fit or is damaged.
    """
    if weights == "none":
        return LoadedWeights(source=weights)
    if weights == "imagenet":
        return load_imagenet(model, architecture, progress=progress)
    head = load_weights_file(model, weights)
    return LoadedWeights(source=printable(weights), file=printable(weights), head=head)


def load_imagenet(
    model: keras.Model,
    architecture: Architecture,
    *,
    head: bool = False,
    progress: Progress | None = None,
) -> LoadedWeights:
    """Set the backbone's ImageNet weights, and with `head` those of the 1000 classes too.

    Raises:
        ConfigError, MachineError, ModelError: As `load_weights`.
    """
    with_classifier = head or bool(architecture.options.get("classifier_layers", False))
    found = imagenet_file(architecture, with_classifier=with_classifier, progress=progress)
    load_published(model, found.path, with_classifier=with_classifier, head=head)
    return LoadedWeights(
        source="imagenet",
        file=found.path.name,
        head=head,
        notices=(found.notice,) if found.notice else (),
    )


def imagenet_classifier(
    backbone: str,
    *,
    size: tuple[int, int] | None = None,
    options: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> ReadyMade:
    """Return a ready-made classifier of the 1000 ImageNet classes.

    Args:
        backbone: A backbone with ImageNet weights.
        size: (height, width) of images; the backbone's own by default.
        options: The backbone's options, for example `{"alpha": 0.5}`.
        progress: Called with bytes fetched and bytes in all.

    Raises:
        ConfigError: There are no ImageNet weights for this network.
        MachineError: They are not on this machine and cannot be fetched.
    """
    card = backbone_card(backbone)
    chosen = dict(options or {})
    if "classifier_layers" in card.options:
        chosen.setdefault("classifier_layers", True)
    height, width = size or card.default_size
    architecture = Architecture(
        backbone=backbone, classes=1000, height=height, width=width, options=chosen
    )
    model = build(architecture)
    loaded = load_imagenet(model, architecture, head=True, progress=progress)
    classes = imagenet_classes(progress=progress)
    return ReadyMade(
        model=model,
        architecture=architecture,
        preprocessing=Preprocessing(height=height, width=width, fit="crop"),
        classes=classes,
        loaded=loaded,
    )


def imagenet_classes(*, progress: Progress | None = None) -> tuple[str, ...]:
    """Return the words for the 1000 ImageNet classes, in the order of the outputs.

    Raises:
        MachineError: The list is not on this machine and cannot be fetched, or is damaged.
    """
    folder = keras_home() / "models"
    path = folder / _CLASS_INDEX.rpartition("/")[2]
    if not path.is_file():
        fetch(_CLASS_INDEX, folder, md5=CLASS_INDEX_MD5, progress=progress)
    index = parse_json(path.read_bytes(), name=printable(path))
    try:
        pairs = [index[str(number)] for number in range(1000)]
        return tuple(_TWINS.get(code, word.replace("_", " ")) for code, word in pairs)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MachineError(
            f"{printable(path)} is not the list of ImageNet classes.",
            expected='1000 entries like "0": ["n01440764", "tench"]',
            fix="delete the file; it is fetched again",
            code="damaged_class_index",
        ) from error

"""From an image and a class to a heat map: decode, answer, ask the method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from PIL import Image

from sightline.errors import ConfigError, ImageError, did_you_mean
from sightline.explanation.heatmap import Heatmap
from sightline.explanation.method import Method
from sightline.explanation.subject import Subject
from sightline.files import printable
from sightline.images import Preprocessing, Source, decode, load
from sightline.images.refusals import named
from sightline.inference import predictions_of
from sightline.predictions import Predictions

_PHOTO_SIDE = 1024  # of what is kept of a photo to draw on


def heatmaps(
    subject: Subject,
    source: Source,
    *,
    method: Method,
    targets: Sequence[str] = (),
    options: Mapping[str, object] | None = None,
) -> Iterator[Heatmap]:
    """Yield a heat map of an image for each class asked for.

    Args:
        subject: The model.
        source: The image.
        method: What draws the map.
        targets: Class names; by default what the model answers: its class, or for multi-label
            every label that it gives, the most probable first, or if it gives none the most
            probable one; and what it would answer where its rules make it unsure.
        options: The method's.

    Raises:
        ConfigError: A class or an option is unknown or wrong.
        ImageError: The image cannot be decoded.
        ModelError, MissingPackageError: As `Method.attribute`.
    """
    completed = method.complete(options or {})
    chosen = [class_index(subject.runner.classes, name) for name in targets]
    pixels = load(source, subject.runner.preprocessing).pixels
    photo = _photo(source, subject.runner.preprocessing)
    answer = predictions_of(subject.runner, [source.name], subject.outputs(pixels[None]))
    for index in chosen or _answered(answer):
        found = method.attribute(subject, pixels, target=index, options=completed)
        yield Heatmap(
            name=source.name,
            answer=answer.answers[0],
            method=method.name,
            label=subject.runner.classes[index],
            probability=float(answer.probabilities[0, index]),
            values=found.values,
            signed=method.signed,
            options=completed,
            facts=found.facts,
            pixels=pixels,
            photo=photo,
            preprocessing=subject.runner.preprocessing,
        )


def class_index(classes: Sequence[str], name: str) -> int:
    """Return the place of a class.

    Raises:
        ConfigError: There is none of that name; the nearest name is suggested.
    """
    if name not in classes:
        raise ConfigError(
            f"The model has no class {printable(name)!r}.{printable(did_you_mean(name, classes))}",
            expected=_some(classes),
            code="unknown_class",
        )
    return classes.index(name)


def _some(classes: Sequence[str], most: int = 20) -> str:
    more = f" and {len(classes) - most} more" if len(classes) > most else ""
    return "one of " + ", ".join(map(printable, classes[:most])) + more


def _photo(source: Source, preprocessing: Preprocessing) -> np.ndarray:
    try:
        found = decode(
            source.read(),
            background=preprocessing.background,
            at_least=(_PHOTO_SIDE, _PHOTO_SIDE),
        )
    except ImageError as error:
        raise named(error, printable(source.name)) from error
    image = Image.fromarray(found.pixels)
    scale = _PHOTO_SIDE / max(image.size)
    if scale >= 1:
        return np.asarray(image)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC))


def _answered(answer: Predictions) -> list[int]:
    """Return the classes of the answer, the most probable first; at least one."""
    order = np.argsort(-answer.probabilities[0], kind="stable")
    given = [int(index) for index in order if answer.chosen[0, index]]
    return given or [int(order[0])]

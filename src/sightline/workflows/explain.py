"""`explain`: a model and images give heat maps: which pixels speak for the answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sightline.errors import ImageError
from sightline.explanation import (
    Heatmap,
    Method,
    SanityCheck,
    Subject,
    class_index,
    default_method,
    explanation_method,
    heatmaps,
    random_models,
    sanity_check,
)
from sightline.explanation.sanity import RandomModels
from sightline.files import load_attribute
from sightline.images import Source, as_source
from sightline.workflows.predict import is_ready_made, open_bundle

if TYPE_CHECKING:
    from sightline.classifier import Classifier


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked about each image.

    Attributes:
        method: What draws the maps.
        classes: Whose maps; by default those of the model's own answer.
        options: The method's, those that are given.
        sanity: Whether each map is compared with those of models with random weights.
        seed: Of the random weights.
    """

    method: Method
    classes: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    sanity: bool = False
    seed: int = 0

    def check(self, subject: Subject) -> None:
        """Refuse what cannot be asked, before any image is read.

        Raises:
            ConfigError: A class or an option is unknown or wrong.
        """
        self.method.complete(self.options)
        for name in self.classes:
            class_index(subject.runner.classes, name)


@dataclass(frozen=True, kw_only=True)
class Explained:
    """One image's answer to the question.

    Attributes:
        name: The image.
        heatmaps: One for each class; none where there is an error.
        checks: Aligned with `heatmaps`, or empty where no check was asked for.
        error: Why the image could not be decoded.
    """

    name: str
    heatmaps: tuple[Heatmap, ...] = ()
    checks: tuple[SanityCheck, ...] = ()
    error: ImageError | None = None


def explain(
    model: Classifier | str | os.PathLike[str],
    image: Any,
    *,
    method: str | None = None,
    target: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Heatmap:
    """Return where a classifier looked for its answer.

    Args:
        model: A classifier, a bundle's path, or the name of a ready-made model.
        image: A path, an image file's bytes, a Pillow image, a uint8 array or a `Source`.
        method: `"grad_cam"`, `"integrated_gradients"` or `"occlusion"`; by default Grad-CAM
            where TensorFlow is installed, else occlusion.
        target: The class whose evidence is wanted; by default the most probable one.
        options: The method's own (`docs/explanation.md`).

    Raises:
        ConfigError: The method, the class or an option is unknown or wrong.
        ImageError: The image cannot be decoded.
        ModelError: The model cannot be used.
        MissingPackageError: The method needs TensorFlow.
    """
    chosen = explanation_method(method or default_method())
    subject = (
        open_subject(os.fspath(model))
        if isinstance(model, (str, os.PathLike))
        else Subject.of_bundle(model.bundle_)
    )
    targets = () if target is None else (target,)
    found = heatmaps(subject, as_source(image), method=chosen, targets=targets, options=options)
    return next(found)


def open_subject(name: str) -> Subject:
    """Return a bundle, or a ready-made ImageNet classifier, as what methods can ask.

    Raises:
        ModelError: There is neither, or the bundle cannot be used.
        ConfigError, MachineError: The ready-made weights cannot be had.
    """
    if is_ready_made(name):
        subject: Subject = load_attribute("sightline.explanation.network:ready_made")(name)
        return subject
    return Subject.of_bundle(open_bundle(name))


def explain_images(
    subject: Subject,
    sources: Sequence[Source],
    question: Question,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Explained]:
    """Yield the answer for each image in order; one that cannot be decoded has its error.

    Raises:
        ModelError, MissingPackageError: The method cannot be used with this model or here.
    """
    models = random_models(subject, seed=question.seed) if question.sanity else {}
    for done, source in enumerate(sources, start=1):
        yield _explain_one(subject, source, question, models)
        if progress is not None:
            progress(done, len(sources))


def _explain_one(
    subject: Subject, source: Source, question: Question, models: RandomModels
) -> Explained:
    try:
        found = tuple(
            heatmaps(
                subject,
                source,
                method=question.method,
                targets=question.classes,
                options=question.options,
            )
        )
    except ImageError as error:
        return Explained(name=source.name, error=error)
    checks = tuple(_check(subject, heatmap, question, models) for heatmap in found if models)
    return Explained(name=source.name, heatmaps=found, checks=checks)


def _check(
    subject: Subject, heatmap: Heatmap, question: Question, models: RandomModels
) -> SanityCheck:
    return sanity_check(
        subject,
        heatmap.pixels,
        target=class_index(subject.runner.classes, heatmap.label),
        method=question.method,
        options=question.options,
        models=models,
    )

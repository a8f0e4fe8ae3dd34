"""The scikit-learn-shaped front: `Classifier().fit(train, validation_data=val).predict(...)`.

Constructors store, methods work, learned things end in an underscore. A thin shell over the
layers below. Loading, predicting and evaluating need no TensorFlow.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sightline.batches import ArrayCache, ClassWeight
from sightline.dataset import Dataset, RecordRow, check_dataset
from sightline.errors import ConfigError
from sightline.evaluation import Evaluation, evaluate, prediction_sets
from sightline.files import cache_directory, free_path, load_attribute
from sightline.images import as_source
from sightline.inference import LiteRTRunner, predict
from sightline.models.bundle import SUFFIX, Bundle, read_bundle, write_bundle
from sightline.models.deciding import decide, set_limit
from sightline.models.wishes import Wish
from sightline.predictions import Label, Predictions
from sightline.training.origin import continue_options
from sightline.training.recipe import Options, Recipe, resolve

if TYPE_CHECKING:
    import keras

Image = Any
"""A path, an image file's bytes, a Pillow image, a uint8 array (H, W[, C]), or a `Source`."""


# Not one that a user would split by: the train part of such a split holds nothing that the
# same hash would choose again.
_VALIDATION_SEED = 0x5EED


class Classifier:
    """An image classifier that trains, judges itself, saves and answers.

    Args:
        backbone: A name that `sightline models` lists; by default MobileNetV2, or a small
            residual network with `weights="none"`.
        weights: `"imagenet"`, `"none"`, or the path of a weights file or bundle.
        effort: `"quick"` fits a head on frozen features; `"standard"` then fine-tunes.
        image_size: (height, width); the backbone's own by default.
        epochs: Passes over the training images; not with `effort="quick"`.
        seed: Everything random comes from it.
        options: The whole recipe where the arguments above do not suffice; they must then
            keep their defaults.

    Attributes:
        classes_: Class names in the order of the outputs.
        history_: One row of figures for each epoch.
        recipe_: All that was decided; `None` for a loaded bundle.
        keras_model_: A plain `keras.Model`, uint8 pixels in, probabilities out: the way out.

    Example:
        >>> classifier = Classifier(effort="quick")          # doctest: +SKIP
        >>> classifier.fit(train, validation_data=val)       # doctest: +SKIP
        >>> classifier.predict(["new.jpg"])                  # doctest: +SKIP
        ['shoes']
    """

    def __init__(
        self,
        *,
        backbone: str | None = None,
        weights: str = "imagenet",
        effort: str = "standard",
        image_size: tuple[int, int] | None = None,
        epochs: int | None = None,
        seed: int = 0,
        options: Options | None = None,
    ) -> None:
        self.backbone = backbone
        self.weights = weights
        self.effort = effort
        self.image_size = image_size
        self.epochs = epochs
        self.seed = seed
        self.options = options
        self.history_: tuple[Mapping[str, float], ...] = ()
        self.recipe_: Recipe | None = None
        self._bundle: Bundle | None = None
        self._runner: LiteRTRunner | None = None

    def __repr__(self) -> str:
        if self._bundle is None:
            return "Classifier(not fitted)"
        names = ", ".join(map(repr, self.classes_[:5])) + (
            "" if len(self.classes_) < 6 else ", ..."
        )
        return f"Classifier({self._bundle.architecture.backbone}, classes {names})"

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Classifier:
        """Open a bundle that `save` or `sightline train` wrote.

        Raises:
            ModelError: The file is missing, damaged or of a newer format.
        """
        classifier = cls()
        bundle = read_bundle(path)
        classifier._learned(bundle, LiteRTRunner(bundle))
        classifier.history_ = tuple(bundle.metrics.get("history", ()))
        return classifier

    def fit(
        self,
        train: Dataset,
        *,
        validation_data: Dataset | None = None,
        class_weight: ClassWeight = None,
        watcher: Any = None,
    ) -> Classifier:
        """Train on `train`; `validation_data` chooses, and never judges.

        Args:
            train: The images to learn from.
            validation_data: The images that choose; a stable seventh of `train` by default.
            class_weight: `"balanced"`, or a weight for each class name; that of `options` by
                default.
            watcher: Is told how it goes (`training.loop.Watcher`); by default the log, which
                `logging.basicConfig(level="INFO")` shows.

        Raises:
            ConfigError, DataError, NonFiniteError, MachineError: As the parts say.
        """
        check_dataset(train)
        options, earlier = self._start(class_weight)
        recipe = resolve(options, classes=len(train.classes), task=train.task)
        session = load_attribute("sightline.training.session:in_python")(
            ArrayCache(cache_directory() / "arrays"), cache_directory() / "graphs", watcher
        )
        data = load_attribute("sightline.training.session:join")(
            *_with_validation(train, validation_data), earlier=earlier
        )
        trained, made = load_attribute("sightline.training.session:train_bundle")(
            recipe, data, session
        )
        metrics = load_attribute("sightline.training.session:metrics_of")(trained, made, {})
        self._learned(replace(made.bundle, metrics=metrics), made.runner)
        self.recipe_ = recipe
        self.history_ = trained.history
        return self

    def predict(self, images: Sequence[Image]) -> list[Label]:
        """Return the answer for each image: a class name, or for multi-label a tuple of them.

        The model's rules act: an answer may be `"unsure"` or `"unlike the training data"`
        (docs/deciding.md). `predictions(images).labels` has the bare answers.

        Raises:
            ImageError: An image cannot be decoded; `predictions` gives a row instead.
        """
        return list(self._whole(images).answers)

    def predict_proba(self, images: Sequence[Image]) -> np.ndarray:
        """Return probabilities, float32 (n, classes), in the order of `classes_`.

        Raises:
            ImageError: An image cannot be decoded; `predictions` gives a row instead.
        """
        return self._whole(images).probabilities

    def predictions(
        self, images: Sequence[Image], *, progress: Callable[[int, int], None] | None = None
    ) -> Predictions:
        """Return names, probabilities, logits, embeddings and errors of all images."""
        if isinstance(images, str | bytes | os.PathLike) or not isinstance(images, Iterable):
            images = [images]  # or a path would be read letter by letter
        return predict(self._ready(), [as_source(image) for image in images], progress=progress)

    def evaluate(
        self, data: Dataset, *, progress: Callable[[int, int], None] | None = None
    ) -> Evaluation:
        """Judge the classifier on labelled images that it was not trained on."""
        check_dataset(data)
        sources = [row.source for row in data.rows]
        predictions = predict(self._ready(), sources, progress=progress)
        groups = [row.group for row in data.rows]
        return evaluate(predictions, [row.labels for row in data.rows], groups=groups)

    def decide(
        self,
        *,
        max_error: float | None = None,
        coverage: float | None = None,
        aims: Sequence[str] = (),
        answer_all: bool = False,
    ) -> Classifier:
        """Choose when the answer is "unsure" and from where a class is given (docs/deciding.md).

        Args:
            max_error: At most this share of the answers given may be wrong.
            coverage: At least this share of the images gets an answer.
            aims: Thresholds: `f1[CLASS]`, `recall[CLASS]>=0.98`, `cost[CLASS]=10:1`.
            answer_all: Answer every image again.

        Raises:
            ConfigError: Wishes that contradict each other or cannot be read.
            CheckFailedError: The images that calibrated the model cannot show it.
        """
        wish = Wish(max_error=max_error, coverage=coverage, aims=tuple(aims), answer_all=answer_all)
        bundle = decide(self._fitted(), wish)
        self._learned(bundle, LiteRTRunner(bundle))
        return self

    def prediction_sets(
        self, images: Sequence[Image], *, coverage: float = 0.95
    ) -> list[tuple[str, ...]]:
        """Return for each image the classes it may have, most probable first.

        The right one is among them with the promised probability, for images from the same
        source (`evaluation.conformal`).

        Raises:
            CheckFailedError: No image calibrated the model.
            DataError: The model is multi-label, where this is not defined.
            ImageError: An image cannot be decoded.
        """
        predictions = self._whole(images)
        inside = prediction_sets(predictions, set_limit(self._fitted(), coverage))
        order = np.argsort(-predictions.probabilities, axis=1, kind="stable")
        return [
            tuple(predictions.classes[column] for column in columns if row[column])
            for row, columns in zip(inside, order, strict=True)
        ]

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the classifier as one bundle.

        Raises:
            ConfigError: The suffix is another, or the file exists and `overwrite` is false.
            MachineError: The file cannot be written.
        """
        target = free_path(
            Path(path), suffixes=(SUFFIX,), overwrite=overwrite, option="overwrite=True"
        )
        write_bundle(target, self._fitted())
        return target

    @property
    def classes_(self) -> tuple[str, ...]:
        """Class names in the order of the outputs."""
        return self._fitted().classes

    @property
    def bundle_(self) -> Bundle:
        """The classifier as data: record, metrics, preprocessing, golden vectors."""
        return self._fitted()

    @property
    def keras_model_(self) -> keras.Model:
        """The Keras model, built from the bundle's architecture and weights."""
        return load_attribute("sightline.models.restore:restore")(self._fitted())

    def _learned(self, bundle: Bundle, runner: LiteRTRunner) -> None:
        self._bundle = bundle
        self._runner = runner

    def _start(self, class_weight: ClassWeight) -> tuple[Options, tuple[RecordRow, ...]]:
        """Return the options, and the images that the weights come from where they are known."""
        options = self._options()
        if class_weight is not None:
            options = replace(options, class_weight=class_weight)
        if not options.weights.endswith(SUFFIX):
            return options, ()
        origin = Path(options.weights)
        bundle = read_bundle(origin)
        return continue_options(options, origin, bundle), bundle.record()

    def _options(self) -> Options:
        own = Options(
            backbone=self.backbone,
            weights=self.weights,
            effort=self.effort,
            image_size=self.image_size,
            epochs=self.epochs,
            seed=self.seed,
        )
        if self.options is None:
            return own
        if own != Options():
            raise ConfigError(
                "The classifier was given options= and other arguments as well.",
                expected="all in options=, or none of it",
                fix="move the other arguments into Options(...)",
                code="two_sources",
            )
        return self.options

    def _whole(self, images: Sequence[Image]) -> Predictions:
        predictions = self.predictions(images)
        for error in predictions.errors.values():
            raise error
        return predictions

    def _ready(self) -> LiteRTRunner:
        self._fitted()
        if self._runner is None:
            raise ValueError("a bundle without its runner")
        return self._runner

    def _fitted(self) -> Bundle:
        if self._bundle is None:
            raise ConfigError(
                "This classifier is not fitted yet.",
                expected="fit() or Classifier.load() before it is used",
                fix="call fit(train, validation_data=val)",
                code="not_fitted",
            )
        return self._bundle


def load(path: str | os.PathLike[str]) -> Classifier:
    """Open a trained classifier (see `Classifier.load`)."""
    return Classifier.load(path)


def _with_validation(train: Dataset, validation: Dataset | None) -> tuple[Dataset, Dataset]:
    if validation is not None:
        return train, validation
    kept, chosen, _ = train.without_splits().split(0.85, 0.15, 0.0, seed=_VALIDATION_SEED)
    return kept, chosen

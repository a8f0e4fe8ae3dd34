"""From a recipe and two parts of the data to a trained model: the modes, one function each."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from sightline.batches import ArrayCache, Rows, steps_per_epoch
from sightline.batches.stream import TrainingBatches
from sightline.errors import ModelError
from sightline.models.architecture import Architecture
from sightline.models.build import build
from sightline.models.bundle import SUFFIX, read_bundle
from sightline.models.parts import above, at_size, freeze_batch_normalization, waist
from sightline.models.pretrained import load_weights
from sightline.models.weights import assign_weights, named_weights
from sightline.training.fast_layers import with_fast_layers
from sightline.training.features import FrozenBackbone
from sightline.training.head import Head, fit_head
from sightline.training.loop import Constraint, Run, Watcher, run_loop
from sightline.training.memory import check_memory
from sightline.training.parts import Part, heeding
from sightline.training.prefix import FrozenPrefix
from sightline.training.recipe import Mode, Optimisation, Recipe
from sightline.training.signals import StopRequest
from sightline.training.teacher import Teacher


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """Where a run keeps things.

    Attributes:
        cache: Pixels and features.
        graphs: Converted backbones; `None` keeps none.
        checkpoints: This run's states; `None` keeps none.
    """

    cache: ArrayCache
    graphs: Path | None = None
    checkpoints: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """All that a training run is made of.

    Attributes:
        recipe: What to do.
        classes: Class names in the order of the model's outputs.
        training: The images to learn from.
        validation: The images that choose.
        calibration: Images that will calibrate what was chosen; training only computes their
            features with those of the others.
        identity: What the run is, for its checkpoints.
        workplace: Where it keeps things.
        watcher: Who is told.
        stop: Who may stop it.
        start: Weights by name to start from, but for the head, in place of the recipe's.
        teacher: Whose answers are learned, as the recipe's distillation says.
    """

    recipe: Recipe
    classes: Sequence[str]
    training: Part
    validation: Part
    calibration: Part
    identity: Mapping[str, str]
    workplace: Workplace
    watcher: Watcher
    stop: StopRequest
    start: Mapping[str, np.ndarray] | None = None
    teacher: Teacher | None = None

    @property
    def architecture(self) -> Architecture:
        """The network while it is trained: it sees each image once, whatever it does in use."""
        return replace(self.recipe.architecture, tta="none")


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What training gives.

    Attributes:
        model: Built by `models.build`, with its final weights.
        history: One row for each epoch (`training.history.epoch_row`); empty in quick mode.
        head: The head that was fitted on frozen features; `None` from scratch.
        embeddings: Of the training images, float32 (n, d), where they are known already: the
            backbone is as it was when they were computed.
        calibration_logits: Of the calibration images, float32 (n, k), where they are known too.
    """

    model: keras.Model
    history: tuple[Mapping[str, float], ...]
    head: Head | None
    embeddings: np.ndarray | None = None
    calibration_logits: np.ndarray | None = None


def train_model(job: Job) -> Trained:
    """Train as the recipe says.

    Raises:
        Interrupted: A signal asked to stop; the state is saved where the job has a directory.
        NonFiniteError, ResumeMismatchError, MachineError: As `training.loop.run_loop`.
        ConfigError, ModelError, MachineError: The starting weights cannot be had.
    """
    with _seeded(job.recipe.seed):
        model = build(job.architecture)
    _start(model, job)
    trained = _MODES[job.recipe.mode](model, job)
    return replace(trained, model=_for_use(trained.model, job))


def _for_use(model: keras.Model, job: Job) -> keras.Model:
    if job.recipe.architecture == job.architecture:
        return model
    with _seeded(job.recipe.seed):
        used = build(job.recipe.architecture)
    assign_weights(used, named_weights(model))
    return used


def continue_training(
    model: keras.Model, job: Job, *, learner: keras.Model, constraint: Constraint | None = None
) -> Trained:
    """Train all of a network on from the weights that it has.

    Args:
        model: Built for `job.architecture`.
        job: Whose recipe has a gradient part.
        learner: The model in the form in which it learns, its weights under the same names:
            `model` itself, or a copy that computes otherwise with them.
        constraint: What the weights must satisfy.

    Raises:
        Interrupted, NonFiniteError, ResumeMismatchError, MachineError: As
            `training.loop.run_loop`.
    """
    history = _descend(model, job, _pixels(job), learner=learner, constraint=constraint)
    return Trained(model=_for_use(model, job), history=history, head=None)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Draw first weights from `seed`, and leave Python's and NumPy's own generators as they were.

    After it nothing draws from a global generator: order, augmentation and dropout have keys.
    """
    python, numpy = random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def _quick(model: keras.Model, job: Job) -> Trained:
    backbone = _backbone(model, job)
    head, features = _fit_head(model, job, backbone, pixels=None)
    trained = Trained(model=model, history=(), head=head)
    if job.recipe.architecture != job.architecture:
        return trained  # it will answer for mirror images too, from other embeddings
    views = len(features) // len(job.training)
    trained = replace(trained, embeddings=features[::views])
    if not len(job.calibration):
        return trained
    calibrating = _features(job, backbone, "calibration", job.calibration)
    return replace(trained, calibration_logits=calibrating @ head.kernel + head.bias)


def _standard(model: keras.Model, job: Job) -> Trained:
    pixels = _pixels(job)
    head, _ = _fit_head(model, job, _backbone(model, job), pixels=pixels)
    freeze_batch_normalization(model)
    history = _descend(model, job, pixels, learner=_in_precision(model, job))
    return Trained(model=model, history=history, head=head)


def _scratch(model: keras.Model, job: Job) -> Trained:
    learner = with_fast_layers(_in_precision(model, job))
    history = _descend(model, job, _pixels(job), learner=learner)
    return Trained(model=model, history=history, head=None)


_MODES: Mapping[Mode, Callable[[keras.Model, Job], Trained]] = {
    "quick": _quick,
    "standard": _standard,
    "scratch": _scratch,
}


def _start(model: keras.Model, job: Job) -> None:
    """Set the weights that the recipe starts from."""
    recipe = job.recipe
    if job.start is not None:
        _take_backbone(model, job.start, "the model to start from")
        return
    if recipe.weights.endswith(SUFFIX):
        _take_backbone(model, read_bundle(Path(recipe.weights)).weights(), recipe.weights)
        return
    if recipe.weights == "none":
        return
    with job.watcher.stage("fetching weights") as progress:
        loaded = load_weights(model, job.architecture, recipe.weights, progress=progress)
    for notice in loaded.notices:
        job.watcher.note(notice)


def _take_backbone(model: keras.Model, theirs: Mapping[str, np.ndarray], shown: str) -> None:
    """Take the backbone of one's own bundle; the head is fitted anew, so classes may differ."""
    own = named_weights(model)
    head = [name for name in own if name.startswith(("logits/", "temperature/"))]
    kept = {name: value for name, value in theirs.items() if name not in head}
    differing = sorted(
        name
        for name in {*own, *kept} - set(head)
        if name not in own or name not in kept or own[name].shape != kept[name].shape
    )
    if differing:
        raise ModelError(
            f"The network of {shown} is another one: {len(differing)} weights differ, "
            f"first {differing[0]!r}.",
            expected="the same backbone with the same options",
            fix="leave out --backbone and its options: they are taken from the bundle",
            code="other_architecture",
        )
    assign_weights(model, {**kept, **{name: own[name] for name in head}})


def _pixels(job: Job) -> Sequence[Rows]:
    """Return the pixels of the training and the validation images."""
    rows: list[Rows] = []
    for name, part in _parts(job):
        with job.watcher.stage(f"decoding {name} images") as progress:
            pixels = part.pixels(job.workplace.cache, heeding(job.stop, progress))
        rows.append(pixels)
        for notice in pixels.notices:
            job.watcher.note(notice)
    return rows


def _parts(job: Job) -> tuple[tuple[str, Part], tuple[str, Part]]:
    return ("training", job.training), ("validation", job.validation)


def _backbone(model: keras.Model, job: Job) -> FrozenBackbone:
    return FrozenBackbone(model, job.architecture, job.recipe.preprocessing, job.workplace.graphs)


def _fit_head(
    model: keras.Model, job: Job, backbone: FrozenBackbone, *, pixels: Sequence[Rows] | None
) -> tuple[Head, np.ndarray]:
    """Set the model's head, and return it with the features of the training images."""
    known = (None, None) if pixels is None else pixels
    features = [
        _features(job, backbone, name, part, pixels=rows)
        for (name, part), rows in zip(_parts(job), known, strict=True)
    ]
    weights = job.training.weights(job.recipe.class_weight, job.classes)
    with job.watcher.stage("fitting the head") as progress:
        head = fit_head(
            (features[0], job.training.targets, weights),
            (features[1], job.validation.targets),
            task=job.architecture.task,
            strengths=job.recipe.head_strengths,
            progress=heeding(job.stop, progress),
        )
    dense = model.get_layer("logits")
    dense.kernel.assign(head.kernel)
    dense.bias.assign(head.bias)
    return head, features[0]


def _features(
    job: Job, backbone: FrozenBackbone, name: str, part: Part, *, pixels: Rows | None = None
) -> np.ndarray:
    with job.watcher.stage(f"computing features of {name} images") as progress:
        return backbone.features(
            part,
            job.workplace.cache,
            mirrored=job.recipe.mirrored and part is job.training,
            pixels=pixels,
            progress=heeding(job.stop, progress),
        )


def _descend(
    model: keras.Model,
    job: Job,
    pixels: Sequence[Rows],
    *,
    learner: keras.Model,
    constraint: Constraint | None = None,
) -> tuple[Mapping[str, float], ...]:
    optimisation = job.recipe.optimisation
    if optimisation is None:
        raise ValueError("the recipe has no gradient part")
    trained, prefix = _divided(learner, model, optimisation)
    check_memory(trained, optimisation)
    small = _small_size(trained, optimisation)
    weights = job.training.weights(job.recipe.class_weight, job.classes)
    training = TrainingBatches(
        examples=job.training.examples(pixels[0], weights),
        augmentation=optimisation.augmentation,
        batch_size=optimisation.batch_size,
        seed=job.recipe.seed,
        small=small,
        small_steps=_small_steps(len(job.training), optimisation),
        prepare=prefix,
    )
    if job.teacher is not None:
        training = replace(training, teacher=_lessons(job, job.teacher, training))
    seen = pixels[1]
    if prefix is not None:
        seen = prefix(pixels[1][np.arange(len(job.validation))])
    run = Run(
        model=learner,
        trained=trained,
        small=at_size(trained, height=small[0], width=small[1]) if small else None,
        task=job.architecture.task,
        optimisation=optimisation,
        training=training,
        validation=job.validation.examples(seen, np.ones(len(job.validation), np.float32)),
        names=job.training.dataset.names,
        identity=job.identity,
        directory=job.workplace.checkpoints,
        distillation=job.recipe.distillation,
        constraint=constraint,
    )
    history = run_loop(run, watcher=job.watcher, stop=job.stop)
    if learner is not model:
        assign_weights(model, named_weights(learner))
    return history


def _lessons(job: Job, teacher: Teacher, batches: TrainingBatches) -> TrainingBatches:
    """Return what gives the teacher's logits for each batch: of the same views, in its own size."""
    pixels = batches.examples.pixels
    if teacher.preprocessing != job.recipe.preprocessing:
        part = replace(job.training, preprocessing=teacher.preprocessing)
        with job.watcher.stage("decoding training images for the teacher") as progress:
            pixels = part.pixels(job.workplace.cache, heeding(job.stop, progress))
    examples = replace(batches.examples, pixels=pixels)
    return replace(batches, examples=examples, small=None, small_steps=0, prepare=teacher.logits)


def _in_precision(model: keras.Model, job: Job) -> keras.Model:
    optimisation = job.recipe.optimisation
    if optimisation is None or optimisation.precision == "float32":
        return model
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(f"mixed_{optimisation.precision}")
    try:
        with _seeded(job.recipe.seed):
            learner = build(job.architecture)
    finally:
        keras.config.set_dtype_policy(before)
    assign_weights(learner, named_weights(model))
    if job.recipe.mode == "standard":
        freeze_batch_normalization(learner)
    return learner


def _small_size(model: keras.Model, optimisation: Optimisation) -> tuple[int, int] | None:
    if optimisation.grow_from == 1:
        return None
    height, width = (round(side * optimisation.grow_from) for side in model.inputs[0].shape[1:3])
    return height, width


def _small_steps(images: int, optimisation: Optimisation) -> int:
    if optimisation.grow_from == 1:
        return 0
    return optimisation.epochs * steps_per_epoch(images, optimisation.batch_size) // 2


def _divided(
    learner: keras.Model, model: keras.Model, optimisation: Optimisation
) -> tuple[keras.Model, FrozenPrefix | None]:
    """Return the part that learns, and the frozen part before it if there is one.

    The frozen part computes in float32 whatever the learner does, as it will in use.
    """
    layer = waist(model, stride=optimisation.frozen_stride) if optimisation.frozen_stride else None
    if layer is None:
        return learner, None
    return above(learner, layer), FrozenPrefix(model, layer)

"""What a model says of images that neither trained nor chose it: its temperature, its rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np

from sightline.evaluation.calibration import fit_temperature
from sightline.images import Source
from sightline.inference import Runner, predict
from sightline.models.familiarity import Familiarity, references
from sightline.models.rules import HeldOut
from sightline.predictions import Predictions, Task
from sightline.training.parts import Part

_MOST_IMAGES = 5000
"""That calibrate: more would tell the same."""


def calibrating_rows(digests: Sequence[str]) -> list[int]:
    """Return the rows of the images that calibrate: all, or as many as are enough, by digest."""
    order = sorted(range(len(digests)), key=lambda row: digests[row])
    return sorted(order[:_MOST_IMAGES])


def calibrate(model: keras.Model, logits: np.ndarray, truth: np.ndarray, *, task: Task) -> None:
    """Set the model's temperature so that its probabilities suit images that did not choose it.

    Args:
        model: Built by `models.build`.
        logits: What it says of them, float32 (n, k), n at least 1.
        truth: bool (n, k), the classes that each of them has.
        task: Softmax over classes, or one sigmoid for each.
    """
    temperature = fit_temperature(logits, truth, task=task)
    model.get_layer("temperature").temperature.assign(temperature.astype(np.float32))


def logits_of(runner: Runner, part: Part, *, progress: Callable[[int, int], None]) -> np.ndarray:
    """Return what a runner says of the images of `part`, before temperature: float32 (n, k)."""
    return _logits(_answers(runner, part, range(len(part)), progress))


def hold_out(
    runner: Runner,
    part: Part,
    training: Part,
    *,
    groups: Sequence[str],
    embeddings: np.ndarray | None = None,
    progress: Callable[[int, int], None],
) -> HeldOut | None:
    """Return what the rules are chosen on; None without images.

    Args:
        runner: The model as it will be used.
        part: Validation images that did not choose it.
        training: The images that it was trained on.
        groups: Of each image of `part`: what hangs together.
        embeddings: Of these, float32 (n, d), if they are known.
        progress: Called with (done, total); may raise.
    """
    if not len(part):
        return None
    labels = [row.labels for row in training.dataset.rows]
    kept = references(labels, training.digests)
    asked = 0 if embeddings is not None else len(kept)
    total = asked + len(part)
    if embeddings is None:
        first = _answers(runner, training, kept, lambda done, _: progress(done, total))
        familiar = first.embeddings
    else:
        familiar = embeddings[kept]
    everything = range(len(part))
    answers = _answers(runner, part, everything, lambda done, _: progress(asked + done, total))
    known, distances = None, np.zeros(0, np.float32)
    if familiar is not None and answers.embeddings is not None:
        known = Familiarity.of(familiar)
        distances = distances if known is None else known.distances(answers.embeddings)
    return HeldOut(
        logits=_logits(answers),
        truth=part.targets > 0.5,
        distances=distances,
        groups=np.unique(groups, return_inverse=True)[1].astype(np.int32),
        digests=np.array([list(bytes.fromhex(one)) for one in part.digests], np.uint8),
        familiarity=known,
    )


def _answers(
    runner: Runner, part: Part, rows: Sequence[int], progress: Callable[[int, int], None]
) -> Predictions:
    sources: list[Source] = [part.sources[row] for row in rows]
    answers = predict(runner, sources, progress=progress)
    for error in answers.errors.values():
        raise error  # it could be read when the run began
    return answers


def _logits(answers: Predictions) -> np.ndarray:
    if answers.logits is None:
        raise ValueError("a runner without logits")
    return answers.logits

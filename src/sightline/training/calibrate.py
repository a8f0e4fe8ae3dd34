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
from sightline.predictions import Predictions
from sightline.training.parts import Part

_MOST_IMAGES = 5000
"""That calibrate: more would tell the same."""


def calibrate(
    model: keras.Model,
    runner: Runner,
    part: Part,
    *,
    progress: Callable[[int, int], None],
) -> None:
    """Set the model's temperature so that its probabilities suit the images of `part`.

    Without images it stays 1.

    Args:
        model: Built by `models.build`.
        runner: Runs it.
        part: Validation images that did not choose it.
        progress: Called with (done, total); may raise.
    """
    if not len(part):
        return
    rows = _some(part)
    answers = _answers(runner, part, rows, progress)
    truth = part.targets[rows] > 0.5
    temperature = fit_temperature(_logits(answers), truth, task=runner.task)
    model.get_layer("temperature").temperature.assign(temperature.astype(np.float32))


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
    rows = _some(part)
    labels = [row.labels for row in training.dataset.rows]
    kept = np.array(references(labels, training.digests))
    asked = 0 if embeddings is not None else len(kept)
    total = asked + len(rows)
    if embeddings is None:
        first = _answers(runner, training, kept, lambda done, _: progress(done, total))
        familiar = first.embeddings
    else:
        familiar = embeddings[kept]
    answers = _answers(runner, part, rows, lambda done, _: progress(asked + done, total))
    known, distances = None, np.zeros(0, np.float32)
    if familiar is not None and answers.embeddings is not None:
        known = Familiarity.of(familiar)
        distances = distances if known is None else known.distances(answers.embeddings)
    return HeldOut(
        logits=_logits(answers),
        truth=part.targets[rows] > 0.5,
        distances=distances,
        groups=np.unique([groups[row] for row in rows], return_inverse=True)[1].astype(np.int32),
        familiarity=known,
    )


def _some(part: Part) -> np.ndarray:
    """Return the rows that calibrate: all, or as many as are enough, by digest."""
    order = sorted(range(len(part)), key=lambda row: part.digests[row])
    return np.array(sorted(order[:_MOST_IMAGES]))


def _answers(
    runner: Runner, part: Part, rows: np.ndarray, progress: Callable[[int, int], None]
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

"""What an evaluation needs to know of the answers, small and mergeable.

`Counts` of two halves added give the counts of the whole, so that a stream of predictions is
judged chunk by chunk without keeping it. Beyond the counts it keeps 8 bytes an image for the
log loss, and what each image was and was given (12 bytes; for multi-label one for each label),
because the labels of one image hang together, and the images of one group, and an interval must
not pretend otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sightline.errors import DataError, did_you_mean
from sightline.evaluation.clusters import Clusters
from sightline.evaluation.grouping import Groups, check_groups
from sightline.evaluation.scores import Marginals
from sightline.files import printable
from sightline.predictions import Predictions, Task

Labels = Sequence[tuple[str, ...]]
"""The right answers, one tuple of class names for each image."""

# Where scikit-learn clips float32 probabilities, so that one sure mistake is not infinite.
_SMALLEST = float(np.finfo(np.float32).eps)

LOG_LOSS = (0.0, -math.log(_SMALLEST))
"""What a log loss can be, since probabilities are clipped."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Counts:
    """Answers compared with labels.

    Attributes:
        task: `"multi_class"` or `"multi_label"`.
        classes: The k class names.
        failed: Images without an answer; they are in no other count.
        confusion: Multi-class: int64 (k, k), rows the truth, columns the answer. Multi-label:
            int64 (k, 2, 2), for each label rows absent/present and columns not given/given.
        losses: Float64 (n,): each image's log loss; for multi-label, the mean over labels.
        outcomes: Multi-label: uint8 (n, k), 2 if the image has the label plus 1 if it is given
            it. Multi-class: int32 (n, 3): the column of the truth, that of the answer, and how
            many classes come before the truth by probability, ties in the order of the classes.
        groups: The group of each image (n,), None for one of its own; None if there are none.
    """

    task: Task
    classes: tuple[str, ...]
    failed: int
    confusion: np.ndarray
    losses: np.ndarray
    outcomes: np.ndarray
    groups: tuple[Hashable | None, ...] | None = None

    @classmethod
    def of(
        cls, predictions: Predictions, labels: Labels, *, groups: Groups | None = None
    ) -> Counts:
        """Compare predictions with labels, image by image.

        Raises:
            DataError: Not one tuple of known class names for each image; for multi-class,
                not exactly one name in it; or not one group for each image.
        """
        truth = label_matrix(predictions, labels)
        ok = predictions.ok
        counts = _COMPARE[predictions.task](predictions, truth[ok], ok)
        if groups is None:
            return counts
        check_groups(groups, len(ok))
        kept = tuple(group for group, answered in zip(groups, ok, strict=True) if answered)
        return replace(counts, groups=kept)

    @property
    def n(self) -> int:
        """How many images were compared."""
        return len(self.losses)

    @property
    def clusters(self) -> Clusters | None:
        """Which images hang together; None where none do."""
        return None if self.groups is None else Clusters.named(self.groups)

    @property
    def truth_and_answer(self) -> tuple[np.ndarray, np.ndarray]:
        """Which classes each image has, and which it is given: bool (n, k) each."""
        if self.task == "multi_label":
            return self.outcomes >= 2, self.outcomes % 2 == 1
        columns = np.arange(len(self.classes))
        return self.outcomes[:, :1] == columns, self.outcomes[:, 1:2] == columns

    @property
    def marginals(self) -> Marginals:
        """Hits, answers and support of each class, int64 (k,)."""
        if self.task == "multi_class":
            hits, answered = self.confusion.diagonal(), self.confusion.sum(axis=0)
            return Marginals(hits=hits, answered=answered, support=self.confusion.sum(axis=1))
        present, given = self.confusion[:, 1, :], self.confusion[:, :, 1]
        return Marginals(hits=present[:, 1], answered=given.sum(1), support=present.sum(1))

    def __add__(self, other: Counts) -> Counts:
        if (self.task, self.classes) != (other.task, other.classes):
            raise DataError(
                "Counts of different models cannot be added.",
                expected="the same task and classes in the same order",
                code="different_classes",
            )
        return Counts(
            task=self.task,
            classes=self.classes,
            failed=self.failed + other.failed,
            confusion=self.confusion + other.confusion,
            losses=np.concatenate([self.losses, other.losses]),
            outcomes=np.concatenate([self.outcomes, other.outcomes]),
            groups=self._groups_with(other),
        )

    def _groups_with(self, other: Counts) -> tuple[Hashable | None, ...] | None:
        if self.groups is None and other.groups is None:
            return None
        first, second = (
            (None,) * one.n if one.groups is None else one.groups for one in (self, other)
        )
        return (*first, *second)


def label_matrix(predictions: Predictions, labels: Labels) -> np.ndarray:
    """Return which classes each image has: bool (n, k).

    Raises:
        DataError: As for `Counts.of`.
    """
    if len(labels) != len(predictions):
        raise DataError(
            f"{len(labels)} labels for {len(predictions)} predictions.",
            expected="one tuple of class names for each image",
            code="bad_labels",
        )
    columns = {name: column for column, name in enumerate(predictions.classes)}
    matrix = np.zeros((len(labels), len(columns)), bool)
    for row, names in enumerate(labels):
        # A bare string would be read letter by letter.
        known = isinstance(names, tuple) and all(name in columns for name in names)
        if not known or (predictions.task == "multi_class" and len(names) != 1):
            raise _bad_labels(predictions, row, names)
        matrix[row, [columns[name] for name in names]] = True
    return matrix


def _bad_labels(predictions: Predictions, row: int, names: object) -> DataError:
    given = names if isinstance(names, tuple) else ()
    unknown = [str(name) for name in given if name not in predictions.classes]
    near = did_you_mean(unknown[0], predictions.classes) if unknown else ""
    wanted = "exactly one" if predictions.task == "multi_class" else "any number"
    image = printable(predictions.names[row])
    return DataError(
        f"Image {image!r} has the labels {printable(repr(names))}.{printable(near)}",
        expected=f"a tuple with {wanted} of the classes "
        + ", ".join(printable(name) for name in predictions.classes[:20]),
        code="bad_labels",
    )


def _compare_multi_class(predictions: Predictions, truth: np.ndarray, ok: np.ndarray) -> Counts:
    probabilities = predictions.probabilities[ok]
    rows, width = np.arange(len(truth)), len(predictions.classes)
    right = truth.argmax(axis=1)
    answer = predictions.chosen[ok].argmax(axis=1)
    own = probabilities[rows, right]
    before = np.arange(width) < right[:, None]
    ahead = (probabilities > own[:, None]) | ((probabilities == own[:, None]) & before)
    cells = np.bincount(right * width + answer, minlength=width * width)
    return Counts(
        task="multi_class",
        classes=predictions.classes,
        failed=int((~ok).sum()),
        confusion=cells.reshape(width, width),
        losses=log_losses(probabilities, truth, task="multi_class"),
        outcomes=np.stack([right, answer, ahead.sum(axis=1)], axis=1).astype(np.int32),
    )


def _compare_multi_label(predictions: Predictions, truth: np.ndarray, ok: np.ndarray) -> Counts:
    probabilities = predictions.probabilities[ok]
    outcomes = truth * np.uint8(2) + predictions.chosen[ok]
    counted = [(outcomes == value).sum(axis=0) for value in range(4)]
    return Counts(
        task="multi_label",
        classes=predictions.classes,
        failed=int((~ok).sum()),
        confusion=np.stack(counted, axis=1).reshape(-1, 2, 2),
        losses=log_losses(probabilities, truth, task="multi_label"),
        outcomes=outcomes.astype(np.uint8),
    )


def log_losses(probabilities: np.ndarray, truth: np.ndarray, *, task: Task) -> np.ndarray:
    """Return each image's log loss in nats, float64 (n,); multi-label: the mean over labels.

    Args:
        probabilities: Float (n, k).
        truth: bool (n, k), the classes that each image has.
        task: Exactly one of them, or any number.
    """
    # In float64 before the subtraction, or 1 - p would lose what float32 keeps of a small p.
    wide = probabilities.astype(np.float64)
    own = wide[truth] if task == "multi_class" else np.where(truth, wide, 1 - wide)
    losses = -np.log(np.clip(own, _SMALLEST, 1 - _SMALLEST))
    return np.asarray(losses if task == "multi_class" else losses.mean(axis=1))


_COMPARE = {"multi_class": _compare_multi_class, "multi_label": _compare_multi_label}

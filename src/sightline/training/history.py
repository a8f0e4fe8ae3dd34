"""What is seen while a run trains: loss, accuracy, precision and recall, epoch by epoch."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from sightline.files import write_text
from sightline.predictions import Task


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Counts that add up over batches, so that an epoch's figures need no second pass.

    Attributes:
        images: Images seen.
        loss: Sum of their losses, float64.
        correct: Images answered wholly right.
        true_positives: int64 (classes,).
        false_positives: int64 (classes,).
        false_negatives: int64 (classes,).
    """

    images: int
    loss: float
    correct: int
    true_positives: np.ndarray
    false_positives: np.ndarray
    false_negatives: np.ndarray

    @classmethod
    def empty(cls, classes: int) -> Tally:
        """Return the tally of no images."""
        zero = np.zeros(classes, np.int64)
        return cls(
            images=0,
            loss=0.0,
            correct=0,
            true_positives=zero,
            false_positives=zero,
            false_negatives=zero,
        )

    @classmethod
    def of(cls, loss: float, probabilities: np.ndarray, targets: np.ndarray, task: Task) -> Tally:
        """Return the tally of one batch.

        Args:
            loss: Sum of the batch's losses.
            probabilities: float32 (n, k).
            targets: float32 (n, k), before smoothing; the largest counts where they are mixed.
            task: Decides whether an answer is the largest or every one from 0.5.
        """
        decide = _DECISIONS[task]
        truth, answer = decide(targets), decide(probabilities)
        return cls(
            images=len(truth),
            loss=loss,
            correct=int((answer == truth).all(axis=1).sum()),
            true_positives=(answer & truth).sum(axis=0),
            false_positives=(answer & ~truth).sum(axis=0),
            false_negatives=(~answer & truth).sum(axis=0),
        )

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            images=self.images + other.images,
            loss=self.loss + other.loss,
            correct=self.correct + other.correct,
            true_positives=self.true_positives + other.true_positives,
            false_positives=self.false_positives + other.false_positives,
            false_negatives=self.false_negatives + other.false_negatives,
        )

    def measures(self) -> dict[str, float]:
        """Return loss, accuracy, and precision and recall averaged over classes.

        A class that was never answered has precision 0, one that never occurred recall 0,
        as in scikit-learn with `zero_division=0`.
        """
        answered = self.true_positives + self.false_positives
        present = self.true_positives + self.false_negatives
        return {
            "loss": self.loss / max(self.images, 1),
            "accuracy": self.correct / max(self.images, 1),
            "precision": float((self.true_positives / np.maximum(answered, 1)).mean()),
            "recall": float((self.true_positives / np.maximum(present, 1)).mean()),
        }

    def to_json(self) -> dict[str, Any]:
        """Return the counts as JSON."""
        return {
            "images": self.images,
            "loss": self.loss,
            "correct": self.correct,
            "true_positives": self.true_positives.tolist(),
            "false_positives": self.false_positives.tolist(),
            "false_negatives": self.false_negatives.tolist(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Tally:
        """Return the tally that `to_json` gave."""
        counts = ("true_positives", "false_positives", "false_negatives")
        arrays = {name: np.asarray(value[name], np.int64) for name in counts}
        return cls(images=value["images"], loss=value["loss"], correct=value["correct"], **arrays)


def _largest(values: np.ndarray) -> np.ndarray:
    chosen = np.zeros(values.shape, bool)
    chosen[np.arange(len(values)), values.argmax(axis=1)] = True
    return chosen


def _each(values: np.ndarray) -> np.ndarray:
    return values >= 0.5


_DECISIONS = {"multi_class": _largest, "multi_label": _each}


def epoch_row(
    epoch: int, *, rate: float, training: Tally, validation: Tally, seconds: float
) -> dict[str, float]:
    """Return one line of the history; epochs count from 1."""
    return {
        "epoch": epoch,
        "learning_rate": rate,
        **training.measures(),
        **{f"validation_{name}": value for name, value in validation.measures().items()},
        "seconds": round(seconds, 3),
    }


def write_history_csv(path: str | os.PathLike[str], history: Sequence[Mapping[str, float]]) -> None:
    """Write the history to `path` as CSV with a header; columns are those of `epoch_row`."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(history[0]) if history else ["epoch"])
    writer.writeheader()
    writer.writerows(history)
    write_text(path, text.getvalue())


def write_tensorboard(directory: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Write the history below `directory` as TensorBoard logs, `train` and `validation` apart."""
    for part, prefix in (("train", ""), ("validation", "validation_")):
        writer = tf.summary.create_file_writer(str(directory / part))
        with writer.as_default():
            for row in history:
                for name in ("loss", "accuracy", "precision", "recall"):
                    tf.summary.scalar(name, row[prefix + name], step=int(row["epoch"]))
        writer.close()

"""The record of an evaluation: every figure with its interval and its n, ready for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sightline.errors import unknown_name
from sightline.evaluation.estimates import Estimate
from sightline.evaluation.prevalence import AtPrevalence
from sightline.evaluation.probabilistic import Probabilistic
from sightline.predictions import Task

_TOLD = 5
"""Confusions that the JSON lists."""


@dataclass(frozen=True, kw_only=True)
class Averages:
    """Precision, recall and F1, averaged over classes."""

    precision: Estimate
    recall: Estimate
    f1: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return the three estimates."""
        return {
            "precision": self.precision.to_json(),
            "recall": self.recall.to_json(),
            "f1": self.f1.to_json(),
        }


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """How well one class is told from the others.

    Attributes:
        name: The class.
        precision: Of the images given this class, the share that has it.
        recall: Of the images that have this class, the share that is given it.
        f1: Harmonic mean of the two.
        matthews: Matthews' correlation of having the class and being given it; undefined where
            all images have it or none, or all are given it or none.
        kappa: Cohen's kappa of the two; undefined where all have and are given it, or none.
        support: Images that have this class.
        answered: Images that are given this class.
    """

    name: str
    precision: Estimate
    recall: Estimate
    f1: Estimate
    matthews: Estimate
    kappa: Estimate
    support: int
    answered: int

    @property
    def flags(self) -> tuple[str, ...]:
        """Why a figure is not defined: `"absent"` from the images, `"never_answered"`."""
        reasons = {"absent": self.support == 0, "never_answered": self.answered == 0}
        return tuple(flag for flag, holds in reasons.items() if holds)

    def to_json(self) -> dict[str, Any]:
        """Return the figures and flags."""
        return {
            "name": self.name,
            "support": self.support,
            "answered": self.answered,
            "precision": self.precision.to_json(),
            "recall": self.recall.to_json(),
            "f1": self.f1.to_json(),
            "matthews": self.matthews.to_json(),
            "kappa": self.kappa.to_json(),
            "flags": list(self.flags),
        }


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """One class taken for another.

    Attributes:
        truth: The class that the images have.
        answer: The class that they were given.
        count: How many.
        share: Of the images that have `truth`.
    """

    truth: str
    answer: str
    count: int
    share: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return the figures."""
        return {
            "truth": self.truth,
            "answer": self.answer,
            "count": self.count,
            "share": self.share.to_json(),
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """How right a classifier is on labelled images.

    Attributes:
        task: `"multi_class"` or `"multi_label"`.
        classes: The k class names.
        n: Images judged.
        failed: Images that could not be answered; they are in no figure.
        groups: How many groups the images come from, if some share one: the intervals stand on
            these; None if every image is on its own.
        accuracy: Share of images answered wholly right (multi-label: subset accuracy).
        balanced_accuracy: Mean recall of the classes that have images.
        matthews: Multi-class: Matthews' correlation of truth and answer, -1 to 1.
        kappa: Multi-class: Cohen's kappa, agreement beyond that of chance.
        top_k: Share of images whose class is among the k most probable; empty for multi-label.
        per_class: Scores in the order of `classes`.
        macro: Mean over the classes that occur in labels or answers.
        micro: All classes counted together.
        weighted: Mean over classes, weighted by their images.
        confusion: Int64 (k, k), rows the truth; multi-label: (k, 2, 2), for each label rows
            absent/present and columns not given/given.
        worst_confusions: Multi-class: the commonest first, then in the classes' order, at most
            1000; empty for multi-label, where no class stands in for another.
        log_loss: Mean negative logarithm of the probability of the truth, in nats; multi-label:
            mean over images and labels.
        hamming_loss: Multi-label: share of wrong decisions among all images and labels.
        samples_f1: Multi-label: mean F1 of the images; 1 where nothing was right to say and
            nothing was said.
        thresholds: Multi-label: the probability from which each label was given.
        probabilistic: Figures of the probabilities themselves; None where only counts were kept.
        in_use: Figures for the balance of classes in use; None where none was given.
    """

    task: Task
    classes: tuple[str, ...]
    n: int
    failed: int
    groups: int | None
    accuracy: Estimate
    balanced_accuracy: Estimate
    matthews: Estimate | None
    kappa: Estimate | None
    top_k: Mapping[int, Estimate]
    per_class: tuple[ClassScores, ...]
    macro: Averages
    micro: Averages
    weighted: Averages
    confusion: np.ndarray
    worst_confusions: tuple[Confusion, ...] = ()
    log_loss: Estimate
    hamming_loss: Estimate | None = None
    samples_f1: Estimate | None = None
    thresholds: tuple[float, ...] | None = None
    probabilistic: Probabilistic | None = None
    in_use: AtPrevalence | None = None

    def __repr__(self) -> str:
        return f"Evaluation(accuracy {self.accuracy}, {len(self.classes)} classes)"

    def __getitem__(self, name: str) -> ClassScores:
        """Return the scores of the class `name`."""
        for scores in self.per_class:
            if scores.name == name:
                return scores
        raise unknown_name("class", name, self.classes)

    @property
    def weakest_class(self) -> ClassScores | None:
        """The class with the lowest F1 among those that have images; None if none has."""
        present = [scores for scores in self.per_class if scores.support]
        return min(present, key=lambda scores: scores.f1.value, default=None)

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON (`reporting/schemas/evaluation.json`); NaN becomes null."""
        return {
            "schema": "evaluation",
            "schema_version": "1.1",
            "task": self.task,
            "classes": list(self.classes),
            "n": self.n,
            "failed": self.failed,
            "groups": self.groups,
            "accuracy": self.accuracy.to_json(),
            "balanced_accuracy": self.balanced_accuracy.to_json(),
            "matthews": _json_or_none(self.matthews),
            "kappa": _json_or_none(self.kappa),
            "top_k": {str(k): estimate.to_json() for k, estimate in self.top_k.items()},
            "log_loss": self.log_loss.to_json(),
            "hamming_loss": _json_or_none(self.hamming_loss),
            "samples_f1": _json_or_none(self.samples_f1),
            "thresholds": None if self.thresholds is None else list(self.thresholds),
            "probabilistic": self.probabilistic and self.probabilistic.to_json(),
            "in_use": self.in_use and self.in_use.to_json(),
            "averages": {
                "macro": self.macro.to_json(),
                "micro": self.micro.to_json(),
                "weighted": self.weighted.to_json(),
            },
            "per_class": [scores.to_json() for scores in self.per_class],
            "confusion": self.confusion.tolist(),
            "weakest_class": self.weakest_class.name if self.weakest_class else None,
            "worst_confusions": [one.to_json() for one in self.worst_confusions[:_TOLD]],
        }


def _json_or_none(estimate: Estimate | None) -> dict[str, Any] | None:
    return None if estimate is None else estimate.to_json()

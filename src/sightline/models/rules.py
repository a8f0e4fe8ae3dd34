"""How probabilities become answers: limits and thresholds as data, and what they were chosen on.

Data, so that any runtime can apply it. The images that chose the rules neither trained nor chose
the model; what it said of them travels with it, so that rules can be chosen anew without images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sightline.errors import ModelError
from sightline.models.familiarity import Familiarity, unlike_limit
from sightline.predictions import Predictions, Task

_LEAST, _MOST = -1e-3, 2 + 1e-3
"""Cosine distances, but for rounding."""
_DIGEST = 32
"""Bytes of a SHA-256."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """From probabilities to answers.

    Attributes:
        thresholds: The probability from which each label is given; multi-label only, else empty.
        positive: Of two classes, the one that is answered from a probability of its own, and that
            probability; `None` answers the more probable class.
        unsure_below: Confidence under which the answer is "unsure", for multi-label one for each
            label; empty always answers.
        unlike_above: Distance from the training images above which the answer is "unlike the
            training data"; `None` never says so.
        promises: What each of these rules promises and on what grounds, by its name above.
        wish: What was wished for (`models.wishes.Wish`), as JSON: so that it can be fulfilled anew
            for a network of fewer bits.
    """

    thresholds: tuple[float, ...] = ()
    positive: tuple[str, float] | None = None
    unsure_below: tuple[float, ...] = ()
    unlike_above: float | None = None
    promises: Mapping[str, str] = field(default_factory=dict)
    wish: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Rules:
        """Return what a bundle holds under `rules`.

        Raises:
            KeyError, TypeError, ValueError: It is not that.
        """
        positive, unlike = value.get("positive"), value.get("unlike_above")
        return cls(
            thresholds=_numbers(value["thresholds"]),
            positive=None if positive is None else (str(positive[0]), float(positive[1])),
            unsure_below=_numbers(value.get("unsure_below") or ()),
            unlike_above=None if unlike is None else float(unlike),
            promises={str(rule): str(text) for rule, text in value.get("promises", {}).items()},
            wish=dict(value.get("wish", {})),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the rules as JSON values; `from_json` is its inverse."""
        return {
            "thresholds": list(self.thresholds),
            "positive": None if self.positive is None else list(self.positive),
            "unsure_below": list(self.unsure_below),
            "unlike_above": self.unlike_above,
            "promises": dict(self.promises),
            "wish": dict(self.wish),
        }

    def threshold(self, classes: Sequence[str]) -> Mapping[str, float]:
        """Return what `Predictions` takes as its `threshold`."""
        if self.positive is not None:
            return dict([self.positive])
        return dict(zip(classes, self.thresholds, strict=bool(self.thresholds)))

    def limit(self, classes: Sequence[str]) -> float | Mapping[str, float] | None:
        """Return what `Predictions` takes as its `unsure_below`."""
        if len(self.unsure_below) == 1:
            return self.unsure_below[0]
        return dict(zip(classes, self.unsure_below, strict=True)) if self.unsure_below else None

    def check(self, classes: Sequence[str], task: Task) -> None:
        """Refuse rules that do not fit a model.

        Raises:
            ModelError: Another number of them, or values that no probability can have.
        """
        labels = len(classes) if task == "multi_label" else 0
        wrong = [
            name
            for name, given, allowed in (
                ("thresholds", len(self.thresholds), {0, labels}),
                ("unsure_below", len(self.unsure_below), {0, 1, labels}),
            )
            if given not in allowed
        ]
        if wrong:
            raise ModelError(
                f"The model's {wrong[0]} are {len(getattr(self, wrong[0]))} numbers.",
                expected=f"what fits {len(classes)} classes of a {task} model",
                code="damaged_model",
            )
        # A record without images checks the values.
        Predictions(
            task=task,
            classes=tuple(classes),
            names=(),
            probabilities=np.zeros((0, len(classes)), np.float32),
            threshold=self.threshold(classes),
            unsure_below=self.limit(classes),
            unlike_above=self.unlike_above,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOut:
    """What the rules were chosen on.

    Attributes:
        logits: float32 (n, k), before temperature, of the validation images that calibrate.
        truth: bool (n, k), the classes that each of them has.
        distances: float32 (n,), how far each is from the training images; empty if unknown.
        groups: int32 (n,): images of the same number hang together (a named group, near
            duplicates); empty if each stands for itself.
        digests: uint8 (n, 32), the SHA-256 of each; empty where it is not known (format 1.1).
        familiarity: The training images' embeddings; `None` where there are too few.

    Raises:
        ModelError: Shapes or types contradict each other.
    """

    logits: np.ndarray
    truth: np.ndarray
    distances: np.ndarray
    groups: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    digests: np.ndarray = field(default_factory=lambda: np.zeros((0, _DIGEST), np.uint8))
    familiarity: Familiarity | None = None

    def __post_init__(self) -> None:
        n = len(self.logits)
        fitting = (
            self.logits.dtype == np.float32
            and self.logits.ndim == 2
            and self.truth.shape == self.logits.shape
            and self.distances.shape in ((0,), (n,))
            and self.distances.dtype == np.float32
            and self.groups.shape in ((0,), (n,))
            and self.groups.dtype == np.int32
            and self.digests.shape in ((0, _DIGEST), (n, _DIGEST))
            and self.digests.dtype == np.uint8
            and bool(np.isfinite(self.logits).all())
            and bool(((self.distances >= _LEAST) & (self.distances <= _MOST)).all())
        )
        if not fitting:
            raise ModelError(
                f"The model's held-out answers are {_shown(self.logits)} logits, "
                f"{_shown(self.truth)} labels, {_shown(self.distances)} distances, "
                f"{_shown(self.groups)} groups and {_shown(self.digests)} digests.",
                expected="finite numbers, one row for each image in all; distances from 0 to 2",
                fix="take another copy of the model, or train again",
                code="damaged_model",
            )

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, np.ndarray], *, classes: int, task: Task
    ) -> HeldOut:
        """Return what `tensors` gave.

        Args:
            tensors: As they were stored.
            classes: How many the model has.
            task: What it was trained for.

        Raises:
            ModelError: A tensor is missing or of another kind, or of other classes.
        """
        missing = {"logits", "truth", "distances"} - set(tensors)
        if missing:
            raise ModelError(
                f"The model's held-out answers lack {', '.join(sorted(missing))}.",
                code="damaged_model",
            )
        if tensors["logits"].shape[1:] != (classes,):
            raise ModelError(
                f"The model's held-out answers are logits of shape {tensors['logits'].shape}.",
                expected=f"one row for each image, one column for each of {classes} classes",
                fix="take another copy of the model, or train again",
                code="damaged_model",
            )
        truth = tensors["truth"].astype(bool)
        if task == "multi_class" and not (truth.sum(axis=-1) == 1).all():
            raise ModelError(
                "The model's held-out answers have images of no class, or of several.",
                expected="one class for each image of a multi_class model",
                fix="take another copy of the model, or train again",
                code="damaged_model",
            )
        reference = tensors.get("reference")
        return cls(
            logits=tensors["logits"],
            truth=truth,
            distances=tensors["distances"],
            groups=tensors.get("groups", np.zeros(0, np.int32)),
            digests=tensors.get("digests", np.zeros((0, _DIGEST), np.uint8)),
            familiarity=None if reference is None else Familiarity(reference=reference),
        )

    @property
    def unit(self) -> str:
        """What `independent` counts."""
        grouped = len(self.independent()) < len(self.logits)
        return "groups of images" if grouped else "images"

    def independent(self) -> np.ndarray:
        """Return the rows of images that do not hang together: one of each group, at random."""
        n = len(self.logits)
        if not len(self.groups):
            return np.arange(n)
        order = np.random.default_rng(0).permutation(n)
        _, first = np.unique(self.groups[order], return_index=True)
        return np.sort(order[first])

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays to store."""
        found = {
            "logits": self.logits,
            "truth": self.truth.astype(np.uint8),
            "distances": self.distances,
            "groups": self.groups,
            "digests": self.digests,
        }
        if self.familiarity is not None:
            found["reference"] = self.familiarity.reference
        return found


def familiar_rules(rules: Rules, held_out: HeldOut) -> Rules:
    """Return rules that call an image unlike the training data, if its limit can be known."""
    if not len(held_out.distances):
        return rules
    distances = held_out.distances[held_out.independent()]
    found = unlike_limit(distances)
    if found is None:
        return rules
    limit, false_alarms = found
    promise = (
        f"of images like the training data, {false_alarms:.2g} are called unlike it "
        f"(mean, chosen on {len(distances)} {held_out.unit})"
    )
    return replace(rules, unlike_above=limit, promises={**rules.promises, "unlike_above": promise})


def _shown(array: np.ndarray) -> str:
    return f"{array.dtype} {array.shape}"


def _numbers(values: Sequence[Any] | float) -> tuple[float, ...]:
    # Format 1.0 had one number where 1.1 has a list.
    return (float(values),) if isinstance(values, int | float) else tuple(map(float, values))

"""Choose how a model's probabilities become answers, on what it said of held-out images.

From bundle to bundle: weights and twin stay as they are, only the rules change. No image is needed:
the bundle carries its own answers to the validation images that calibrated it. Where these have
groups (frames of one film, near duplicates), one image of each stands for it: many frames of one
film show no more than one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sightline.errors import CheckFailedError
from sightline.evaluation.abstaining import (
    Limit,
    RiskCoverage,
    limit_for_coverage,
    limit_for_error,
    risk_coverage,
)
from sightline.evaluation.aims import (
    Threshold,
    threshold_for_costs,
    threshold_for_f1,
    threshold_for_recall,
)
from sightline.evaluation.calibration import probabilities_of
from sightline.evaluation.conformal import least_probability
from sightline.evaluation.estimates import Estimate, wilson
from sightline.files import printable
from sightline.models.bundle import Bundle
from sightline.models.rules import HeldOut, Rules, familiar_rules
from sightline.models.wishes import Aim, Wish, check_wish
from sightline.predictions import Predictions

TEMPERATURE = "temperature/temperature"

_OFFERED = (0.01, 0.02, 0.05, 0.1, 0.2)


def decide(bundle: Bundle, wish: Wish) -> Bundle:
    """Return the bundle with rules that fulfil a wish; what is not wished for stays.

    A limit goes with the threshold that it was chosen for, if that moves.

    Raises:
        ConfigError: A wish cannot be read, or names no class.
        CheckFailedError: The held-out images cannot show it, or there are none.
    """
    aims = check_wish(wish, bundle.classes, bundle.architecture.task)
    if wish.answer_all:
        bundle = _with_rules(bundle, _answering_all(bundle.rules))
    if wish.limited:
        # First, for what is unlike the training data gets no answer, whatever else is chosen.
        bundle = _with_rules(bundle, familiar_rules(bundle.rules, held_out_of(bundle)))
    for aim in aims:
        bundle = _with_rules(bundle, _with_aim(bundle, aim))
    return _with_rules(bundle, _with_limit(bundle, wish)) if wish.limited else bundle


def _with_rules(bundle: Bundle, rules: Rules) -> Bundle:
    return replace(bundle, rules=rules)


def _answering_all(rules: Rules) -> Rules:
    gone = ("unsure_below", "unlike_above")
    promises = {name: text for name, text in rules.promises.items() if name not in gone}
    return replace(rules, unsure_below=(), unlike_above=None, promises=promises)


def held_out_of(bundle: Bundle) -> HeldOut:
    """Return what the rules are chosen on.

    Raises:
        CheckFailedError: No image calibrated this model.
    """
    held_out = bundle.held_out()
    if held_out is None:
        raise not_calibrated("No image calibrated this model.")
    return held_out


def not_calibrated(what: str) -> CheckFailedError:
    """Return the error for a wish that no image can show."""
    return CheckFailedError(
        what,
        expected="a model with validation images that did not choose it: half of 60 or more",
        fix="train with more validation images (--split), and without what was asked for",
        code="not_calibrated",
    )


def held_out_predictions(bundle: Bundle) -> Predictions:
    """Return the bundle's answers to the images that calibrated it, by its rules.

    Raises:
        CheckFailedError: No image calibrated this model.
    """
    held_out, rules = held_out_of(bundle), bundle.rules
    temperature = bundle.weights()[TEMPERATURE]
    probabilities = probabilities_of(
        held_out.logits, temperature, task=bundle.architecture.task
    ).astype(np.float32)
    return Predictions(
        task=bundle.architecture.task,
        classes=bundle.classes,
        names=tuple(str(row) for row in range(len(probabilities))),
        probabilities=probabilities,
        logits=held_out.logits,
        distances=held_out.distances if len(held_out.distances) else None,
        threshold=rules.threshold(bundle.classes),
        unsure_below=rules.limit(bundle.classes),
        unlike_above=rules.unlike_above,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Grounds:
    """What a rule is chosen on: independent images that neither trained nor chose the model.

    Attributes:
        answers: To one image of each group, by the model's rules.
        truth: bool (n, k).
        unit: What n counts.
    """

    answers: Predictions
    truth: np.ndarray
    unit: str

    @classmethod
    def of(cls, bundle: Bundle) -> Grounds:
        """Return the grounds that a bundle carries.

        Raises:
            CheckFailedError: No image calibrated this model.
        """
        held_out = held_out_of(bundle)
        rows = held_out.independent()
        return cls(
            answers=held_out_predictions(bundle)[rows],
            truth=held_out.truth[rows],
            unit="images" if len(rows) == len(held_out.logits) else "groups of images",
        )

    @property
    def coverage(self) -> Estimate:
        """Share of the images that get an answer."""
        given = ~self.answers.unsure & ~self.answers.unlike
        return wilson(int(given.sum()), len(given))

    def curve(self) -> RiskCoverage | None:
        """Return how error and coverage trade off; multi-label: of whole answers."""
        right = (self.answers.chosen == self.truth).all(axis=1)
        return risk_coverage(self.answers.confidence, right)


def set_limit(bundle: Bundle, coverage: float) -> float:
    """Return the probability from which a class is in an image's prediction set.

    Raises:
        ConfigError: `coverage` is not above 0 and below 1.
        CheckFailedError: No image calibrated this model.
    """
    grounds = Grounds.of(bundle)
    return least_probability(grounds.answers.probabilities, grounds.truth, coverage)


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A promise that could be had of a model, and its price.

    Attributes:
        max_error: The share of the answers given that may be wrong.
        coverage: Share of the images that would get an answer; `None` where the images that
            calibrated the model cannot show the promise.
    """

    max_error: float
    coverage: Estimate | None

    def to_json(self) -> dict[str, Any]:
        """Return both."""
        coverage = None if self.coverage is None else self.coverage.to_json()
        return {"max_error": self.max_error, "coverage": coverage}


def offers(bundle: Bundle) -> tuple[Offer, ...]:
    """Return what `Wish(max_error=...)` would give, for some usual shares.

    Each promise holds on its own: who picks the best of them afterwards has picked by chance too.
    """
    return tuple(Offer(max_error=share, coverage=_price(bundle, share)) for share in _OFFERED)


def _price(bundle: Bundle, max_error: float) -> Estimate | None:
    try:
        return Grounds.of(decide(bundle, Wish(max_error=max_error))).coverage
    except CheckFailedError:
        return None


def _with_limit(bundle: Bundle, wish: Wish) -> Rules:
    """Return the rules with a limit, for multi-label one for each label."""
    grounds = Grounds.of(bundle)
    right = grounds.answers.chosen == grounds.truth
    if bundle.task == "multi_class":
        confidence = grounds.answers.confidence
        limits = [_limit(confidence, right.all(axis=1), grounds, wish)]
    else:
        limits = _limits_of_labels(bundle, right, grounds, wish)
    promise = limits[0].promise
    if bundle.task == "multi_label":
        promise = f"for each label on its own: {promise}"
    return replace(
        bundle.rules,
        unsure_below=tuple(limit.unsure_below for limit in limits),
        promises={**bundle.rules.promises, "unsure_below": promise},
    )


def _limits_of_labels(
    bundle: Bundle, right: np.ndarray, grounds: Grounds, wish: Wish
) -> list[Limit]:
    found, missing = [], []
    for column, name in enumerate(bundle.classes):
        confidence = grounds.answers.decision_confidence[:, column]
        try:
            found.append(_limit(confidence, right[:, column], grounds, wish))
        except CheckFailedError as error:
            missing.append((name, error))
    if missing:
        first = missing[0][1]
        raise CheckFailedError(
            f"Not for each label ({', '.join(printable(name) for name, _ in missing)}): "
            f"{first.what}",
            expected=first.expected,
            fix=first.fix,
            code=first.code,
        )
    return found


def _limit(confidence: np.ndarray, right: np.ndarray, grounds: Grounds, wish: Wish) -> Limit:
    unlike = grounds.answers.unlike
    if wish.max_error is not None:
        # These get no answer, so they are in no share of the answers.
        kept = ~unlike
        return limit_for_error(confidence[kept], right[kept], wish.max_error, unit=grounds.unit)
    answered = np.where(unlike, np.float32(0), confidence)
    return limit_for_coverage(answered, right, wish.coverage or 0.0, unit=grounds.unit)


def _with_aim(bundle: Bundle, aim: Aim) -> Rules:
    """Return the rules with the threshold of one class chosen for an aim."""
    column = bundle.classes.index(aim.name)
    if aim.kind == "cost":
        value = threshold_for_costs(*aim.numbers)
        promise = "the least expected cost, as far as the probabilities are right"
    else:
        grounds = Grounds.of(bundle)
        probabilities = grounds.answers.probabilities[:, column]
        # An image that is called unlike the training data is not given the class.
        own = np.where(grounds.answers.unlike, np.float32(0), probabilities)
        chosen = _chosen(aim, own, grounds.truth[:, column], grounds.unit)
        value, promise = chosen.value, chosen.promise
    rules = bundle.rules
    # The limit was shown for the answers that another threshold gave.
    gone = ["unsure_below"]
    if bundle.task == "multi_class":
        gone += [name for name in rules.promises if name.startswith("threshold[")]
    promises = {name: text for name, text in rules.promises.items() if name not in gone}
    promises[f"threshold[{aim.name}]"] = promise
    rules = replace(rules, unsure_below=(), promises=promises)
    if bundle.task == "multi_class":
        return replace(rules, positive=(aim.name, value))
    thresholds = list(rules.thresholds)
    thresholds[column] = value
    return replace(rules, thresholds=tuple(thresholds))


def _chosen(aim: Aim, own: np.ndarray, has: np.ndarray, unit: str) -> Threshold:
    try:
        return _THRESHOLDS[aim.kind](own, has, aim.numbers, unit)
    except CheckFailedError as error:
        raise CheckFailedError(
            f"Class {printable(aim.name)!r}: {error.what}",
            expected=error.expected,
            fix=error.fix,
            code=error.code,
        ) from error


_THRESHOLDS: Mapping[str, Callable[[np.ndarray, np.ndarray, tuple[float, ...], str], Threshold]] = {
    "f1": lambda own, has, numbers, unit: threshold_for_f1(own, has, unit=unit),
    "recall": lambda own, has, numbers, unit: threshold_for_recall(own, has, numbers[0], unit=unit),
}

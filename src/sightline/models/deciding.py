"""Choose how a model's probabilities become answers, on what it said of held-out images.

From bundle to bundle: weights and twin stay as they are, only the rules change. No image is needed:
the bundle carries its own answers to the validation images that calibrated it. Where these have
groups (frames of one film, near duplicates), one image of each stands for it: many frames of one
film show no more than one.

What is called unlike the training data gets no answer, so promises on answers are shown on the
other images: those nearer than the limit are drawn independently of each other, given the limit.
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
from sightline.evaluation.clusters import Clusters, share_estimate
from sightline.evaluation.conformal import least_probability
from sightline.evaluation.estimates import Estimate
from sightline.files import printable
from sightline.models.bundle import Bundle
from sightline.models.rules import HeldOut, Rules, familiar_rules
from sightline.models.wishes import Aim, Wish, check_wish
from sightline.predictions import Predictions

_OFFERED = (0.01, 0.02, 0.05, 0.1, 0.2)
_USUAL = 0.5
_THRESHOLD = "threshold["
_COST_PROMISE = "the least expected cost, as far as the probabilities are right"


def decide(bundle: Bundle, wish: Wish) -> Bundle:
    """Return the bundle with rules that fulfil a wish; what is not wished for stays.

    A promise ends with what it was made for: that of a limit when the threshold moves, that of a
    threshold when other images are called unlike the training data.

    Raises:
        ConfigError: A wish cannot be read, or names no class.
        CheckFailedError: The held-out images cannot show it, or there are none.
    """
    aims = check_wish(wish, bundle.classes, bundle.architecture.task)
    rules = bundle.rules
    earlier = Wish.from_json(rules.wish)
    rules = replace(
        rules, wish=wish.after(earlier, bundle.classes, bundle.architecture.task).to_json()
    )
    if wish.answer_all:
        rules = _answering_all(rules)
    grounds = Grounds.of(bundle) if wish.needs_images else None
    if grounds is not None and wish.limited:
        # First, for what is unlike the training data gets no answer, whatever else is chosen.
        rules = grounds.familiar(rules)
    for aim in aims:
        rules = _with_aim(rules, aim, bundle, grounds)
    if grounds is not None and wish.limited:
        rules = _with_limit(rules, wish, grounds)
    return replace(bundle, rules=rules)


def fulfil(bundle: Bundle, wish: Wish) -> tuple[Bundle, CheckFailedError | None]:
    """Return the bundle with as much of a wish as can be shown, and why it lacks the rest.

    Raises:
        ConfigError: As `decide`.
    """
    refused = None
    for part in wish.parts:
        try:
            bundle = decide(bundle, part)
        except CheckFailedError as error:
            refused = refused or error
    return bundle, refused


def _answering_all(rules: Rules) -> Rules:
    kept = _without(rules, "unsure_below", "unlike_above", *_shown_thresholds(rules))
    return replace(kept, unsure_below=(), unlike_above=None)


def _without(rules: Rules, *promises: str) -> Rules:
    kept = {name: text for name, text in rules.promises.items() if name not in promises}
    return replace(rules, promises=kept)


def _shown_thresholds(rules: Rules) -> tuple[str, ...]:
    """Return the promises of thresholds that images have shown: a change of images ends them."""
    return tuple(
        name
        for name, promise in rules.promises.items()
        if name.startswith(_THRESHOLD) and promise != _COST_PROMISE
    )


def unpromised(rules: Rules) -> Rules:
    """Return rules for another network: without promises, and without what was chosen to keep them.

    Rules that came with no wish stay as they are.
    """
    if not rules.wish:
        return replace(rules, promises={})
    thresholds = (_USUAL,) * len(rules.thresholds)
    return replace(rules, promises={}, thresholds=thresholds, positive=None, unsure_below=())


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
    """Return the bundle's answers to all images that calibrated it, by its rules.

    Raises:
        CheckFailedError: No image calibrated this model.
    """
    held_out, task = held_out_of(bundle), bundle.architecture.task
    probabilities = probabilities_of(held_out.logits, bundle.temperature(), task=task)
    return _by_rules(
        Predictions(
            task=task,
            classes=bundle.classes,
            names=tuple(str(row) for row in range(len(probabilities))),
            probabilities=probabilities.astype(np.float32),
            logits=held_out.logits,
            distances=held_out.distances if len(held_out.distances) else None,
        ),
        bundle.rules,
    )


def _by_rules(answers: Predictions, rules: Rules) -> Predictions:
    return replace(
        answers,
        threshold=rules.threshold(answers.classes),
        unsure_below=rules.limit(answers.classes),
        unlike_above=rules.unlike_above,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Grounds:
    """What a rule is chosen on: independent images that neither trained nor chose the model.

    Attributes:
        held_out: All images that calibrated the model.
        answers: To one image of each group, by the model's rules.
        truth: bool (n, k).
    """

    held_out: HeldOut
    answers: Predictions
    truth: np.ndarray

    @classmethod
    def of(cls, bundle: Bundle) -> Grounds:
        """Return the grounds that a bundle carries.

        Raises:
            CheckFailedError: No image calibrated this model.
        """
        held_out = held_out_of(bundle)
        rows = held_out.independent()
        return cls(
            held_out=held_out,
            answers=held_out_predictions(bundle)[rows],
            truth=held_out.truth[rows],
        )

    def familiar(self, rules: Rules) -> Rules:
        """Return rules that call an image unlike the training data, if its limit can be known."""
        found = familiar_rules(rules, self.held_out)
        moved = found.unlike_above != rules.unlike_above
        return _without(found, *_shown_thresholds(found)) if moved else found

    def nearer(self, rules: Rules) -> tuple[Predictions, np.ndarray, str]:
        """Return answers by rules, the truth, and what they count, without what is unlike.

        The image whose distance is the limit is left out too: it is no independent draw.
        """
        answers, unit = _by_rules(self.answers, rules), self.held_out.unit
        if rules.unlike_above is None or answers.distances is None:
            return answers, self.truth, unit
        rows = np.flatnonzero(answers.distances < np.float32(rules.unlike_above))
        return answers[rows], self.truth[rows], f"{unit} like the training data"

    def coverage(self, rules: Rules) -> Estimate:
        """Return the share of the images that get an answer; multi-label: of the decisions."""
        answers = _by_rules(self.answers, rules)
        given = ~answers.unlike[:, None] & ~answers.unsure_decisions
        if answers.task == "multi_class":
            given = (~answers.unlike & ~answers.unsure)[:, None]
        images = Clusters.among(np.ones(len(given), bool), None, each=given.shape[1])
        return share_estimate(given.ravel(), np.ones(given.size, bool), images)

    def curve(self) -> RiskCoverage | None:
        """Return how error and coverage trade off by confidence alone; multi-label: of images."""
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
        coverage: Share of the images that would get an answer, for multi-label of the decisions;
            `None` where the images that calibrated the model cannot show the promise.
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

    Raises:
        CheckFailedError: No image calibrated this model.
    """
    grounds = Grounds.of(bundle)
    rules = grounds.familiar(bundle.rules)
    return tuple(
        Offer(max_error=share, coverage=_price(rules, share, grounds)) for share in _OFFERED
    )


def _price(rules: Rules, max_error: float, grounds: Grounds) -> Estimate | None:
    try:
        return grounds.coverage(_with_limit(rules, Wish(max_error=max_error), grounds))
    except CheckFailedError:
        return None


def _with_limit(rules: Rules, wish: Wish, grounds: Grounds) -> Rules:
    """Return the rules with a limit, for multi-label one for each label."""
    answers, truth, unit = grounds.nearer(rules)
    right = answers.chosen == truth
    unanswered = len(grounds.truth) - len(truth)

    def limit(confidence: np.ndarray, right: np.ndarray) -> Limit:
        if wish.max_error is not None:
            return limit_for_error(confidence, right, wish.max_error, unit=unit)
        return limit_for_coverage(
            confidence,
            right,
            wish.coverage or 0.0,
            unanswered=unanswered,
            unit=grounds.held_out.unit,
        )

    if answers.task == "multi_class":
        limits = [limit(answers.confidence, right.all(axis=1))]
        promise = limits[0].promise
    else:
        limits = _limits_of_labels(answers, right, limit)
        promise = f"for each label on its own: {limits[0].promise}"
    return replace(
        rules,
        unsure_below=tuple(one.unsure_below for one in limits),
        promises={**rules.promises, "unsure_below": promise},
    )


def _limits_of_labels(
    answers: Predictions,
    right: np.ndarray,
    limit: Callable[[np.ndarray, np.ndarray], Limit],
) -> list[Limit]:
    found, missing = [], []
    for column, name in enumerate(answers.classes):
        try:
            found.append(limit(answers.decision_confidence[:, column], right[:, column]))
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


def _with_aim(rules: Rules, aim: Aim, bundle: Bundle, grounds: Grounds | None) -> Rules:
    """Return the rules with the threshold of one class chosen for an aim."""
    column, several = bundle.classes.index(aim.name), bundle.task == "multi_label"
    if grounds is None or aim.kind == "cost":  # which alone needs no image
        value, promise = threshold_for_costs(*aim.numbers), _COST_PROMISE
    else:
        answers, truth, unit = grounds.nearer(rules)
        chosen = _chosen(aim, answers.probabilities[:, column], truth[:, column], unit)
        value, promise = chosen.value, chosen.promise
    # The limit was shown for the answers that another threshold gave.
    gone = ["unsure_below"]
    if not several:
        gone += [name for name in rules.promises if name.startswith(_THRESHOLD)]
    rules = replace(_without(rules, *gone), unsure_below=())
    promises = {**rules.promises, f"{_THRESHOLD}{aim.name}]": promise}
    if not several:
        return replace(rules, positive=(aim.name, value), promises=promises)
    thresholds = list(rules.thresholds) or [_USUAL] * len(bundle.classes)
    thresholds[column] = value
    return replace(rules, thresholds=tuple(thresholds), promises=promises)


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

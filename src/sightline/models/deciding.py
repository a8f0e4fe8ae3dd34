"""Choose how a model's probabilities become answers, on what it said of held-out images.

From bundle to bundle: weights and twin stay as they are, only the rules change. No image is needed:
the bundle carries its own answers to the validation images that calibrated it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from sightline.errors import CheckFailedError, ConfigError, unknown_name
from sightline.evaluation.abstaining import (
    Limit,
    RiskCoverage,
    check_share,
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
from sightline.files import printable
from sightline.models.bundle import Bundle
from sightline.models.rules import HeldOut, Rules, familiar_rules
from sightline.predictions import Predictions, Task

TEMPERATURE = "temperature/temperature"

_AIM = re.compile(r"(?P<kind>f1|recall|cost)\[(?P<name>.+)\](?P<rest>.*)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the answers of a model are to be like.

    Attributes:
        max_error: At most this share of the answers given may be wrong; for multi-label, of the
            decisions on each label.
        coverage: At least this share of the images gets an answer.
        aims: Thresholds: `f1[CLASS]`, `recall[CLASS]>=0.98`, `cost[CLASS]=MISS:FALSE_ALARM`.
        answer_all: Drop the limits: every image gets an answer.

    Raises:
        ConfigError: Wishes that contradict each other.
    """

    max_error: float | None = None
    coverage: float | None = None
    aims: tuple[str, ...] = ()
    answer_all: bool = False

    def __post_init__(self) -> None:
        limits = [self.max_error is not None, self.coverage is not None, self.answer_all]
        if sum(limits) > 1:
            raise ConfigError(
                "More than one of --max-error, --coverage and --answer-all.",
                expected="one of them: each sets the same limit",
                fix="leave out the others",
                code="bad_wish",
            )

    def __bool__(self) -> bool:
        return self != Wish()


def decide(bundle: Bundle, wish: Wish) -> Bundle:
    """Return the bundle with rules that fulfil a wish; what is not wished for stays.

    Raises:
        ConfigError: A wish cannot be read, or names no class.
        CheckFailedError: The held-out images cannot show it, or there are none.
    """
    if wish.answer_all:
        promises = {k: v for k, v in bundle.rules.promises.items() if k == "thresholds"}
        plain = replace(bundle.rules, unsure_below=(), unlike_above=None, promises=promises)
        bundle = replace(bundle, rules=plain)
    for aim in wish.aims:
        bundle = replace(bundle, rules=_with_aim(bundle, aim))
    if wish.max_error is None and wish.coverage is None:
        return bundle
    limits = _limits(bundle, wish)
    promise = limits[0].promise
    if bundle.task == "multi_label":
        promise = f"for each label: {promise}"
    rules = replace(
        familiar_rules(bundle.rules, held_out_of(bundle)),
        unsure_below=tuple(limit.unsure_below for limit in limits),
    )
    promises = {**rules.promises, "unsure_below": promise}
    return replace(bundle, rules=replace(rules, promises=promises))


def check_wish(wish: Wish, classes: Sequence[str], task: Task) -> None:
    """Check a wish before there is a model.

    Raises:
        ConfigError: An aim cannot be read or names no class, or a share is not one.
    """
    for aim in wish.aims:
        _read_aim(aim, classes, task)
    for name, share in (("max_error", wish.max_error), ("coverage", wish.coverage)):
        if share is not None:
            check_share(name, share)


def held_out_of(bundle: Bundle) -> HeldOut:
    """Return what the rules are chosen on.

    Raises:
        CheckFailedError: No image calibrated this model.
    """
    held_out = bundle.held_out()
    if held_out is None:
        raise CheckFailedError(
            "No image calibrated this model.",
            expected="a model with validation images that did not choose it: half of 60 or more",
            fix="train with more validation images",
            code="not_calibrated",
        )
    return held_out


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


def held_out_curve(bundle: Bundle) -> RiskCoverage | None:
    """Return how error and coverage trade off on held-out images; multi-label: of whole answers.

    Raises:
        CheckFailedError: No image calibrated this model.
    """
    answers = held_out_predictions(bundle)
    right = (answers.chosen == held_out_of(bundle).truth).all(axis=1)
    return risk_coverage(answers.confidence, right)


def set_limit(bundle: Bundle, coverage: float) -> float:
    """Return the probability from which a class is in an image's prediction set.

    Raises:
        ConfigError: `coverage` is not above 0 and below 1.
        CheckFailedError: No image calibrated this model.
    """
    answers = held_out_predictions(bundle)
    return least_probability(answers.probabilities, held_out_of(bundle).truth, coverage)


def _limits(bundle: Bundle, wish: Wish) -> list[Limit]:
    """Return the limit, for multi-label that of each label."""
    answers, truth = held_out_predictions(bundle), held_out_of(bundle).truth
    right = answers.chosen == truth
    if bundle.task == "multi_class":
        return [_limit(answers.confidence, right.all(axis=1), wish)]
    found, missing = [], []
    for column, name in enumerate(bundle.classes):
        try:
            found.append(_limit(answers.decision_confidence[:, column], right[:, column], wish))
        except CheckFailedError as error:
            missing.append((name, error))
    if missing:
        names = ", ".join(printable(name) for name, _ in missing)
        first = missing[0][1]
        raise CheckFailedError(
            f"Not for each label ({names}): {first.what}",
            expected=first.expected,
            fix=first.fix,
            code=first.code,
        )
    return found


def _limit(confidence: np.ndarray, right: np.ndarray, wish: Wish) -> Limit:
    if wish.max_error is not None:
        return limit_for_error(confidence, right, wish.max_error)
    return limit_for_coverage(confidence, right, wish.coverage or 0.0)


class _Aim(NamedTuple):
    kind: str
    name: str
    numbers: tuple[float, ...]


def _with_aim(bundle: Bundle, text: str) -> Rules:
    """Return the rules with the threshold of one class chosen for an aim."""
    aim = _read_aim(text, bundle.classes, bundle.architecture.task)
    column = bundle.classes.index(aim.name)
    if aim.kind == "cost":
        value = threshold_for_costs(*aim.numbers)
        promise = "the least expected cost, as far as the probabilities are right"
    else:
        has = held_out_of(bundle).truth[:, column]
        own = held_out_predictions(bundle).probabilities[:, column]
        chosen = _THRESHOLDS[aim.kind](own, has, aim.numbers)
        value, promise = chosen.value, chosen.promise
    promises = dict(bundle.rules.promises)
    # It was shown for the answers that another threshold gave.
    promises.pop("unsure_below", None)
    earlier = promises.get("thresholds") if bundle.task == "multi_label" else None
    said = f"{printable(aim.name)}: {promise}"
    promises["thresholds"] = f"{earlier}; {said}" if earlier else said
    if bundle.task == "multi_class":
        return replace(bundle.rules, positive=(aim.name, value), promises=promises)
    thresholds = list(bundle.rules.thresholds)
    thresholds[column] = value
    return replace(bundle.rules, thresholds=tuple(thresholds), promises=promises)


_THRESHOLDS: Mapping[str, Callable[[np.ndarray, np.ndarray, tuple[float, ...]], Threshold]] = {
    "f1": lambda own, has, numbers: threshold_for_f1(own, has),
    "recall": lambda own, has, numbers: threshold_for_recall(own, has, numbers[0]),
}
_NUMBERS: Mapping[str, str] = {
    "f1": r"",
    "recall": r"\s*>=\s*([\d.]+)",
    "cost": r"\s*=\s*([\d.]+)\s*:\s*([\d.]+)",
}


def _read_aim(text: str, classes: Sequence[str], task: Task) -> _Aim:
    match = _AIM.fullmatch(text.strip())
    numbers = re.fullmatch(_NUMBERS[match["kind"]], match["rest"].rstrip()) if match else None
    try:
        values = tuple(map(float, numbers.groups())) if numbers else None
    except ValueError:
        values = None
    if match is None or values is None:
        raise ConfigError(
            f"The aim {printable(text)!r} cannot be read.",
            expected="f1[CLASS], recall[CLASS]>=0.98 or cost[CLASS]=MISS:FALSE_ALARM",
            fix='for example --aim "recall[defect]>=0.98"',
            code="bad_aim",
        )
    if match["name"] not in classes:
        raise unknown_name("class", match["name"], classes)
    if task == "multi_class" and len(classes) != 2:
        raise ConfigError(
            f"A threshold for one of {len(classes)} classes is not defined.",
            expected="a model with two classes, or a multi-label model",
            fix="leave --aim out; --max-error and --coverage work for any number of classes",
            code="not_defined",
        )
    return _Aim(match["kind"], match["name"], values)

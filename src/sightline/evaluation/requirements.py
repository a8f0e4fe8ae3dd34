"""Acceptance gates: `"recall[defect]>=0.98"` is met only where the interval shows it.

A figure that clears its target by luck is no proof, so not the value but the limit of its 95 %
interval on the target's side must clear it. Where it does not, the verdict says what would.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from sightline.errors import ConfigError, unknown_name
from sightline.evaluation.estimates import Z95, Estimate
from sightline.evaluation.records import Evaluation
from sightline.files import printable

_FORM = re.compile(r"\s*([\w.-]+)\s*(?:\[(.*)\])?\s*(>=|<=)\s*(\S+)\s*", re.DOTALL)
_FORM_IN_WORDS = "METRIC>=NUMBER or METRIC[CLASS]>=NUMBER, for a loss METRIC<=NUMBER"


@dataclass(frozen=True, kw_only=True)
class _Metric:
    """A figure that may be required.

    Attributes:
        of: Finds it in an `Evaluation`, or for a class by its name in one of the parts of one;
            None where there is no such figure.
        falling: Whether less is better.
        trials: Of a share of trials: what one is called, and what a good one is.
    """

    of: Callable[..., Estimate | None]
    falling: bool = False
    trials: tuple[str, str] | None = None


_IMAGES = ("images", "all right")


def _of(part: str, figure: str) -> Callable[[Evaluation], Any]:
    """Return what finds a figure in a part that an evaluation may lack."""
    return lambda evaluation: getattr(getattr(evaluation, part), figure, None)


OVERALL: Mapping[str, _Metric] = {
    "accuracy": _Metric(of=attrgetter("accuracy"), trials=_IMAGES),
    "top_3": _Metric(of=lambda evaluation: evaluation.top_k.get(3), trials=_IMAGES),
    "top_5": _Metric(of=lambda evaluation: evaluation.top_k.get(5), trials=_IMAGES),
    "balanced_accuracy": _Metric(of=attrgetter("balanced_accuracy")),
    **{
        f"{kind}_{rate}": _Metric(of=attrgetter(f"{kind}.{rate}"))
        for kind in ("macro", "micro", "weighted")
        for rate in ("precision", "recall", "f1")
    },
    "samples_f1": _Metric(of=attrgetter("samples_f1")),
    "hamming_loss": _Metric(of=attrgetter("hamming_loss"), falling=True),
    "log_loss": _Metric(of=attrgetter("log_loss"), falling=True),
    "matthews": _Metric(of=attrgetter("matthews")),
    "kappa": _Metric(of=attrgetter("kappa")),
    "roc_auc": _Metric(of=_of("probabilistic", "roc_auc")),
    "average_precision": _Metric(of=_of("probabilistic", "average_precision")),
    "brier": _Metric(of=_of("probabilistic", "brier"), falling=True),
    "ece": _Metric(of=_of("probabilistic", "calibration_error"), falling=True),
    "in_use.accuracy": _Metric(of=_of("in_use", "accuracy")),
    "in_use.macro_f1": _Metric(of=_of("in_use", "macro_f1")),
    "in_use.weighted_f1": _Metric(of=_of("in_use", "weighted_f1")),
    "in_use.log_loss": _Metric(of=_of("in_use", "log_loss"), falling=True),
}
"""Figures of the whole."""

OF_A_CLASS: Mapping[str, _Metric] = {
    "precision": _Metric(
        of=lambda evaluation, name: evaluation[name].precision,
        trials=("answers of the class", "all right"),
    ),
    "recall": _Metric(
        of=lambda evaluation, name: evaluation[name].recall,
        trials=("images of the class", "all found"),
    ),
    "f1": _Metric(of=lambda evaluation, name: evaluation[name].f1),
    "roc_auc": _Metric(
        of=lambda evaluation, name: (
            evaluation.probabilistic and evaluation.probabilistic.classes[name].roc_auc
        )
    ),
    "average_precision": _Metric(
        of=lambda evaluation, name: (
            evaluation.probabilistic and evaluation.probabilistic.classes[name].average_precision
        )
    ),
    "in_use.precision": _Metric(
        of=lambda evaluation, name: evaluation.in_use and evaluation.in_use.precision[name]
    ),
    "in_use.f1": _Metric(
        of=lambda evaluation, name: evaluation.in_use and evaluation.in_use.f1[name]
    ),
}
"""Figures of one class."""


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """What a figure has to be.

    Attributes:
        metric: A name in `OVERALL`, or in `OF_A_CLASS` where there is a class.
        of_class: The class, or None.
        target: At least this; at most, for a loss.
    """

    metric: str
    of_class: str | None = None
    target: float

    def __post_init__(self) -> None:
        known = OVERALL if self.of_class is None else OF_A_CLASS
        if self.metric not in known:
            raise _unknown_metric(self.metric, of_class=self.of_class is not None)
        most = math.inf if self._metric.falling else 1.0
        if not 0 < self.target < most:
            raise ConfigError(
                f"No sample can show that {printable(str(self))}.",
                expected="a number above 0" + ("" if self._metric.falling else " and below 1"),
                fix=f"for example {printable(self.name)}{self.sign}"
                + ("0.1" if self._metric.falling else "0.95"),
                code="bad_requirement",
            )

    def __str__(self) -> str:
        return f"{self.name} {self.sign} {self.target:g}"

    @property
    def name(self) -> str:
        """The figure, as in `recall[defect]`."""
        return self.metric if self.of_class is None else f"{self.metric}[{self.of_class}]"

    @property
    def sign(self) -> str:
        """`">="`; `"<="` for a loss."""
        return "<=" if self._metric.falling else ">="

    @property
    def _metric(self) -> _Metric:
        return (OVERALL if self.of_class is None else OF_A_CLASS)[self.metric]

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """Read `METRIC>=NUMBER`, `METRIC[CLASS]>=NUMBER` or, for a loss, `METRIC<=NUMBER`.

        A class may stand in quotation marks; it may hold brackets and signs of its own.

        Raises:
            ConfigError: It has another form, an unknown metric or an impossible number.
        """
        match = _FORM.fullmatch(text)
        try:
            target = float(match[4]) if match else math.nan
        except ValueError:
            target = math.nan
        if match is None or math.isnan(target):
            raise ConfigError(
                f"The requirement {printable(text)!r} cannot be read.",
                expected=_FORM_IN_WORDS,
                fix='for example "recall[defect]>=0.98", in quotation marks for the shell',
                code="bad_requirement",
            )
        name = match[2]
        if name is not None and len(name) > 1 and name[0] == name[-1] and name[0] in "\"'":
            name = name[1:-1]
        metric = match[1].replace("-", "_")
        requirement = cls(metric=metric, of_class=name, target=target)
        if match[3] != requirement.sign:
            raise ConfigError(
                f"The requirement {printable(text)!r} asks {metric} to be bad.",
                expected=f"{requirement.sign}: {'less' if match[3] == '>=' else 'more'} is better",
                fix=f"ask for {printable(str(requirement))}",
                code="bad_requirement",
            )
        return requirement


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a requirement is met.

    Attributes:
        requirement: What was asked.
        estimate: What was measured.
        passed: Whether the interval clears the target.
        needed: How many images (or answers, for a precision) it would take at the same rate;
            None where it passed or no number would do.
        needed_flawless: How many with no further error; None also where errors are not counted.
        reason: What is missing and what would show it; empty where it passed.
    """

    requirement: Requirement
    estimate: Estimate
    passed: bool
    needed: int | None = None
    needed_flawless: int | None = None
    reason: str = ""

    def __str__(self) -> str:
        one = self.requirement
        shown = "shown" if self.passed else "not shown"
        says = f"{printable(one.name)} is {self.estimate}: {shown} to be {one.sign} {one.target:g}."
        return f"{says} {self.reason}".rstrip()

    def to_json(self) -> dict[str, Any]:
        """Return the verdict."""
        return {
            "requirement": str(self.requirement),
            "passed": self.passed,
            "estimate": self.estimate.to_json(),
            "needed": self.needed,
            "needed_flawless": self.needed_flawless,
            "text": str(self),
        }


def check_askable(
    requirements: Sequence[Requirement],
    *,
    task: str,
    classes: Sequence[str],
    in_use: bool = False,
) -> None:
    """Refuse what can be refused before anything is predicted.

    Args:
        requirements: What is asked.
        task: `"multi_class"` or `"multi_label"`.
        classes: What there is.
        in_use: Whether the balance of classes in use is given.

    Raises:
        ConfigError: A class is unknown, or the task has no such figure.
    """
    for requirement in requirements:
        if requirement.of_class is not None and requirement.of_class not in classes:
            raise unknown_name("class", requirement.of_class, classes)
        wrong_task = task not in _ONLY_FOR.get(requirement.metric, task)
        top = re.fullmatch(r"top_(\d)", requirement.metric)
        too_few = top is not None and len(classes) <= int(top[1])
        unknown_use = requirement.metric.startswith("in_use.") and not in_use
        if wrong_task or too_few or unknown_use:
            raise _not_measured(requirement)


def verdict(requirement: Requirement, evaluation: Evaluation) -> Verdict:
    """Return whether `evaluation` shows what is required.

    Raises:
        ConfigError: The class is unknown, or the figure was not measured.
    """
    one = requirement
    metric = (OVERALL if one.of_class is None else OF_A_CLASS)[one.metric]
    if one.of_class is not None and one.of_class not in evaluation.classes:
        raise unknown_name("class", one.of_class, evaluation.classes)
    names = () if one.of_class is None else (one.of_class,)
    estimate = metric.of(evaluation, *names)
    if estimate is None:
        raise _not_measured(one)
    if not estimate.defined:
        reason = "There is no image to measure it on."
        return Verdict(requirement=one, estimate=estimate, passed=False, reason=reason)
    if estimate.high <= one.target if metric.falling else estimate.low >= one.target:
        return Verdict(requirement=one, estimate=estimate, passed=True)
    if (estimate.value - one.target) * (-1 if metric.falling else 1) <= 0:
        side = "above" if metric.falling else "below"
        reason = f"The value itself is {side} it, or just at it."
        return Verdict(requirement=one, estimate=estimate, passed=False, reason=reason)
    return _not_shown(one, estimate, metric)


def _not_shown(requirement: Requirement, estimate: Estimate, metric: _Metric) -> Verdict:
    target, value, n = requirement.target, estimate.value, estimate.n
    if metric.trials is None:
        # The limits of a mean close in with the square root of n.
        limit = estimate.high if metric.falling else estimate.low
        needed = math.ceil(n * ((value - limit) / (value - target)) ** 2)
        reason = f"If the value stays, roughly {needed:,} images would show it."
        return Verdict(
            requirement=requirement, estimate=estimate, passed=False, needed=needed, reason=reason
        )
    # Wilson's limit l of p solves (p - l)^2 = z^2 l (1 - l) / n: so n follows from a limit.
    # Where images hang together, each counts for less than one, now and later.
    low, square = estimate.low, Z95 * Z95
    worth = square * low * (1 - low) / (value - low) ** 2 / n
    errors = n - round(value * n)
    needed = math.ceil(square * target * (1 - target) / (value - target) ** 2 / worth)
    flawless = math.ceil(_flawless(errors * worth, target) / worth)
    trials, good = metric.trials
    counted = f"{errors:,} {'miss' if errors == 1 else 'misses'} in {n:,}"
    if errors == 0:
        reason = f"{counted}; at least {flawless:,} {trials}, {good}, would show it."
    else:
        reason = (
            f"{counted}; at the same rate at least {needed:,} {trials} would show it, "
            f"without another miss {flawless:,}."
        )
    return Verdict(
        requirement=requirement,
        estimate=estimate,
        passed=False,
        needed=needed,
        needed_flawless=flawless,
        reason=reason,
    )


def _flawless(errors: float, target: float) -> float:
    """Return the n for which Wilson's lower limit of (n - errors) / n is `target`, below 1.

    (1 - errors / n - t)^2 = z^2 t (1 - t) / n, solved for the larger n.
    """
    middle = 2 * errors + Z95 * Z95 * target
    root = math.sqrt(middle * middle - 4 * errors * errors)
    return (middle + root) / (2 * (1 - target))


_ONLY_FOR = {
    "hamming_loss": ("multi_label",),
    "samples_f1": ("multi_label",),
    "matthews": ("multi_class",),
    "kappa": ("multi_class",),
    "top_3": ("multi_class",),
    "top_5": ("multi_class",),
}


def _not_measured(requirement: Requirement) -> ConfigError:
    return ConfigError(
        f"{printable(requirement.name)} is not measured here.",
        expected="a figure that the evaluation has: some are for multi-class or multi-label only, "
        "those in_use for a given --prevalence",
        fix="ask for another figure, such as accuracy, macro_f1 or recall[CLASS]",
        code="not_measured",
    )


def _unknown_metric(name: str, *, of_class: bool) -> ConfigError:
    if of_class and name in OVERALL:
        return ConfigError(
            f"{name} is of the whole, not of one class.",
            expected="of a class: " + ", ".join(OF_A_CLASS),
            fix="leave [CLASS] away, or ask for one of these",
            code="bad_requirement",
        )
    if not of_class and name in OF_A_CLASS:
        return ConfigError(
            f"{name} is of one class.",
            expected=f"{name}[CLASS], or an average such as macro_f1",
            fix=f"name the class: {name}[CLASS]",
            code="bad_requirement",
        )
    return unknown_name("metric", name, OF_A_CLASS if of_class else OVERALL)

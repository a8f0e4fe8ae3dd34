"""The rules by which a model answers, as lines of plain text."""

from __future__ import annotations

from collections.abc import Sequence

from sightline.evaluation.abstaining import Answered
from sightline.files import printable
from sightline.models.rules import Rules
from sightline.predictions import UNLIKE, UNSURE

_USUAL = 0.5


def rule_lines(rules: Rules, classes: Sequence[str]) -> tuple[str, ...]:
    """Return each rule with what it promises; one line that says so where there is none.

    Args:
        rules: Of a model.
        classes: Its class names.
    """
    lines = []
    for name, limit in rules.threshold(classes).items():
        promise = rules.promises.get(f"threshold[{name}]")
        if rules.positive is not None or limit != _USUAL or promise:
            lines.append(_with_promise(f"{printable(name)} from {limit:.4g}", promise))
    lines += [f'"{said}" {when}' for said, when in silences(rules, classes).items()]
    return tuple(lines) or ("every image is answered by what is most probable",)


def silences(rules: Rules, classes: Sequence[str]) -> dict[str, str]:
    """Return what is said instead of an answer, and when, with what that promises.

    Args:
        rules: Of a model.
        classes: Its class names.
    """
    found = {}
    if len(rules.unsure_below) == 1:
        found["unsure_below"] = (UNSURE, f"below a confidence of {rules.unsure_below[0]:.4g}")
    elif rules.unsure_below:
        pairs = zip(classes, rules.unsure_below, strict=True)
        limits = ", ".join(f"{limit:.4g} ({printable(name)})" for name, limit in pairs)
        found["unsure_below"] = (UNSURE, f"below a confidence of {limits}")
    if rules.unlike_above is not None:
        found["unlike_above"] = (UNLIKE, f"beyond a distance of {rules.unlike_above:.3g}")
    promises = rules.promises
    return {said: _with_promise(when, promises.get(rule)) for rule, (said, when) in found.items()}


def answered_line(rules: Answered, *, whose: str) -> str:
    """Return what rules do on labelled images, in one line.

    Args:
        rules: How much they answer, and how often wrongly.
        whose: For example "the model".
    """
    return (
        f"By the rules of {whose} {rules.coverage} of the {rules.counted} are answered, "
        f"{rules.error} of them wrong"
    )


def _with_promise(words: str, promise: str | None) -> str:
    return f"{words}: {printable(promise)}" if promise else words

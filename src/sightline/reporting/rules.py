"""The rules by which a model answers, as lines of plain text."""

from __future__ import annotations

from collections.abc import Sequence

from sightline.files import printable
from sightline.models.rules import Rules

_USUAL = 0.5


def rule_lines(rules: Rules, classes: Sequence[str]) -> tuple[str, ...]:
    """Return each rule with what it promises; one line that says so where there is none.

    Args:
        rules: Of a model.
        classes: Its class names.
    """
    found = []
    for name, limit in rules.threshold(classes).items():
        key = f"threshold[{name}]"
        if rules.positive is not None or limit != _USUAL or key in rules.promises:
            found.append((key, f"{printable(name)} from {limit:.4g}"))
    if len(rules.unsure_below) == 1:
        found.append(("unsure_below", f'"unsure" below {rules.unsure_below[0]:.4g}'))
    elif rules.unsure_below:
        limits = _each(rules.unsure_below, classes, " below ")
        found.append(("unsure_below", f'"unsure" of {limits}'))
    if rules.unlike_above is not None:
        words = f'"unlike the training data" above a distance of {rules.unlike_above:.3g}'
        found.append(("unlike_above", words))
    lines = (_with_promise(words, rules.promises.get(name)) for name, words in found)
    return tuple(lines) or ("every image is answered by what is most probable",)


def _each(limits: Sequence[float], classes: Sequence[str], word: str) -> str:
    pairs = zip(classes, limits, strict=True)
    return ", ".join(f"{printable(name)}{word}{limit:.4g}" for name, limit in pairs)


def _with_promise(words: str, promise: str | None) -> str:
    return f"{words}: {promise}" if promise else words

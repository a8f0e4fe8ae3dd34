"""A comparison of two models as lines of plain text that fit a terminal of 80 columns."""

from __future__ import annotations

from sightline.evaluation import Comparison, Difference
from sightline.evaluation.changes import KINDS, Change
from sightline.files import printable
from sightline.reporting.columns import aligned, chance, limits, share, shortened, signed

_LONGEST_NAME = 18
_SHOWN = 5
_WORDS = {
    "broken": "right before, wrong now",
    "fixed": "wrong before, right now",
    "still_wrong": "wrong otherwise than before",
}


def comparison_lines(comparison: Comparison, *, shown: int = _SHOWN) -> tuple[str, ...]:
    """Return the verdict, the figures, the classes and the first changed images of each kind.

    The first model is called A, the second B.

    Args:
        comparison: What was compared.
        shown: How many images of each kind of change are named.
    """
    return (
        verdict_line(comparison),
        "",
        *_overall_lines(comparison),
        "",
        *_class_lines(comparison),
        "",
        *_change_lines(comparison, shown),
    )


def verdict_line(comparison: Comparison, *, second: str = "B") -> str:
    """Return the answer in one sentence.

    Args:
        comparison: What was compared.
        second: What the second is called.
    """
    gain, p_value = comparison.gain, chance(comparison.p_value)
    p_words = f"p < {p_value[1:]}" if p_value.startswith("<") else f"p = {p_value}"
    if not gain.defined:
        return "Nothing to compare: no image was answered by both."
    if comparison.verdict != "not_told_apart":
        return f"{second} is {comparison.verdict}: {signed(gain)}, {p_words}"
    low, high = limits(gain)
    line = f"Not told apart: the difference lies between {low} and {high}, {p_words}"
    if not gain.low <= 0 <= gain.high:
        line = (
            f"Not quite told apart: {p_words}, though the difference lies between {low} and {high}"
        )
    if comparison.images_needed is None:
        return line
    return (
        f"{line};\nabout {_rounded(comparison.images_needed):,} images would be needed to show "
        "a difference of this size"
    )


def _overall_lines(comparison: Comparison) -> tuple[str, ...]:
    def row(name: str, one: Difference) -> tuple[str, ...]:
        return name, f"{one.before:.3f}", f"{one.after:.3f}", signed(one.gain)

    accuracy = Difference(
        before=comparison.before.value, after=comparison.after.value, gain=comparison.gain
    )
    lines = aligned(
        [
            ("", "A", "B", "B - A, 95 % interval"),
            row("Accuracy", accuracy),
            row("Macro F1", comparison.macro_f1),
            row("Log loss (less is better)", comparison.log_loss),
        ],
        right={1, 2},
    )
    counted = f"{comparison.n:,} images; only A has {comparison.only_before:,} right, only B "
    counted += f"{comparison.only_after:,}"
    if comparison.groups is not None:
        counted += f"; {comparison.groups:,} groups, drawn and tested whole"
    if comparison.failed:
        counted += f"; {comparison.failed:,} more could not be answered and are in no figure"
    return (*lines, counted)


def _class_lines(comparison: Comparison) -> tuple[str, ...]:
    rows: list[tuple[str, ...]] = [("recall of", "images", "A", "B", "B - A", "p*")]
    for one in comparison.per_class:
        rows.append(
            (
                shortened(one.name, _LONGEST_NAME),
                str(one.support),
                share(one.before),
                share(one.after),
                signed(one.gain),
                chance(one.adjusted) if one.support else "-",
            )
        )
    note = f"* corrected for looking at {len(comparison.per_class)} classes"
    return (*aligned(rows, right={1, 2, 3}), note)


def _change_lines(comparison: Comparison, shown: int) -> tuple[str, ...]:
    lines = []
    for kind in KINDS:
        found = [change for change in comparison.changes if change.kind == kind]
        lines.append(f"{len(found):,} {_WORDS[kind]}")
        lines += [_change_line(change) for change in found[:shown]]
        if len(found) > shown:
            lines.append(f"  … and {len(found) - shown:,} more (--json has all)")
    return tuple(lines)


def _change_line(change: Change) -> str:
    before, after, labels = (
        ", ".join(map(printable, names)) or "none"
        for names in (change.before, change.after, change.labels)
    )
    line = f"  {printable(change.name)}: {before} -> {after}"
    return f"{line}, labelled {labels}" if change.kind == "still_wrong" else line


def _rounded(number: int) -> int:
    """Return the number to two digits: an estimate of an estimate has no more."""
    return int(float(f"{number:.1e}"))

"""An evaluation as lines of plain text that fit a terminal of 80 columns.

Lines and nothing else: no colour, no printing, so that they serve a terminal, a log and a
text file alike. Names are made printable here; wide letters count as two columns.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from sightline.evaluation import Estimate, Evaluation
from sightline.reporting.columns import aligned, shortened

WIDTH = 80
_LONGEST_NAME = 20
_SHORTEST_NAME = 8


def evaluation_lines(evaluation: Evaluation, *, width: int = WIDTH) -> tuple[str, ...]:
    """Return the whole evaluation: overall figures, classes, confusions; blank lines between."""
    return (
        *overall_lines(evaluation),
        "",
        *class_lines(evaluation, width=width),
        "",
        *confusion_lines(evaluation, width=width),
    )


def overall_lines(evaluation: Evaluation) -> tuple[str, ...]:
    """Return one line for each overall figure, and one for images that could not be answered."""
    single = evaluation.task == "multi_class"
    figures: list[tuple[str, Estimate | None]] = [
        ("Accuracy" if single else "All labels right", evaluation.accuracy),
        *((f"Top-{k} accuracy", estimate) for k, estimate in evaluation.top_k.items()),
        ("Balanced accuracy", evaluation.balanced_accuracy if single else None),
        ("Macro F1", evaluation.macro.f1),
        ("Micro F1", None if single else evaluation.micro.f1),  # else the accuracy
        ("Weighted F1", evaluation.weighted.f1),
        ("Matthews correlation", evaluation.matthews),
        ("Cohen's kappa", evaluation.kappa),
        ("F1 per image", evaluation.samples_f1),
        ("Wrong decisions", evaluation.hamming_loss),
        *_of_probabilities(evaluation),
        ("Log loss", evaluation.log_loss),
    ]
    rows = [(name, *_value_and_interval(one)) for name, one in figures if one is not None]
    lines = aligned([("", "value", "95 % interval"), *rows], right={1})
    counted = f"{evaluation.n} images"
    if evaluation.groups is not None:
        counted += f" in {evaluation.groups} groups"
    if evaluation.failed:
        counted += f"; {evaluation.failed} more could not be answered and are in no figure"
    return (*lines, counted, *_in_use_lines(evaluation))


def _of_probabilities(evaluation: Evaluation) -> Sequence[tuple[str, Estimate | None]]:
    found = evaluation.probabilistic
    if found is None:
        return ()
    return (
        ("ROC AUC, mean", found.roc_auc),
        ("Average precision, mean", found.average_precision),
        ("Labels needed", found.coverage_error),
        ("Brier score", found.brier),
        ("Calibration error", found.calibration_error),
    )


def _in_use_lines(evaluation: Evaluation) -> tuple[str, ...]:
    """Return the figures for the balance of classes in use, where one was given."""
    found = evaluation.in_use
    if found is None:
        return ()
    overall = (
        ("Accuracy", found.accuracy),
        ("Macro F1", found.macro_f1),
        ("Weighted F1", found.weighted_f1),
        ("Log loss", found.log_loss),
    )
    rows = [(name, *_value_and_interval(one)) for name, one in overall]
    classes = [
        (
            shortened(name, _LONGEST_NAME),
            f"{share:.3g}",
            " ".join(_value_and_interval(found.precision[name])),
            " ".join(_value_and_interval(found.f1[name])),
        )
        for name, share in found.shares.items()
    ]
    return (
        "",
        f"In use, with other shares of the classes (worth {found.effective_n:.0f} images)",
        *aligned([("", "value", "95 % interval"), *rows], right={1}),
        "",
        *aligned([("class", "share", "precision", "F1"), *classes], right={1}),
    )


def class_lines(evaluation: Evaluation, *, width: int = WIDTH) -> tuple[str, ...]:
    """Return a table of the classes: images, then precision, recall and F1 with intervals."""
    rows: list[tuple[str, ...]] = [("images", "precision", "recall", "F1")]
    for scores in evaluation.per_class:
        rates = (scores.precision, scores.recall, scores.f1)
        rows.append((str(scores.support), *(" ".join(_value_and_interval(one)) for one in rates)))
    figures = aligned(rows, right={0})
    room = min(_LONGEST_NAME, max(_SHORTEST_NAME, width - max(map(len, figures)) - 2))
    names = ["class", *(shortened(name, room) for name in evaluation.classes)]
    return aligned(list(zip(names, figures, strict=True)), right=set())


def confusion_lines(evaluation: Evaluation, *, width: int = WIDTH) -> tuple[str, ...]:
    """Return the confusion matrix, rows the truth, columns the answers, a dot for none.

    Where it would be wider than `width`, the commonest confusions; for multi-label, for each
    label how often it was right, missed and given falsely.
    """
    if evaluation.task == "multi_label":
        return _label_lines(evaluation)
    numbers = [str(number) for number in range(1, len(evaluation.classes) + 1)]
    cells = [[str(count or ".") for count in row] for row in evaluation.confusion.tolist()]
    each = 1 + max(len(text) for row in [numbers, *cells] for text in row)
    room = width - each * len(numbers) - len(numbers[-1]) - 1
    if room < _SHORTEST_NAME:
        return _worst_lines(evaluation)
    names = [shortened(name, min(room, _LONGEST_NAME)) for name in evaluation.classes]
    column = max(map(cell_len, [*names, "truth"]))
    head = "answer".rjust(len(numbers[-1]) + 1 + column)
    lines = [head + "".join(text.rjust(each) for text in numbers)]
    for number, name, row in zip(numbers, names, cells, strict=True):
        label = f"{number.rjust(len(numbers[-1]))} {set_cell_size(name, column)}"
        lines.append(label + "".join(text.rjust(each) for text in row))
    return tuple(lines)


def _worst_lines(evaluation: Evaluation) -> tuple[str, ...]:
    worst = evaluation.worst_confusions[:10]
    rows = [("truth", "taken for", "images", "share of truth")]
    for one in worst:
        truth, answer = (shortened(name, _LONGEST_NAME) for name in (one.truth, one.answer))
        rows.append((truth, answer, str(one.count), " ".join(_value_and_interval(one.share))))
    return (
        f"The {len(worst)} commonest confusions of {len(evaluation.classes)} classes",
        *aligned(rows, right={2}),
    )


def _label_lines(evaluation: Evaluation) -> tuple[str, ...]:
    rows = [("label", "right", "missed", "given falsely")]
    for name, counts in zip(evaluation.classes, evaluation.confusion.tolist(), strict=True):
        (_, false), (missed, right) = counts
        rows.append((shortened(name, _LONGEST_NAME), str(right), str(missed), str(false)))
    return aligned(rows, right={1, 2, 3})


def _value_and_interval(estimate: Estimate) -> tuple[str, str]:
    return estimate.figures if estimate.defined else ("-", "")

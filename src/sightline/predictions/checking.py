"""What a record of predictions must be: checked once, at birth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, get_args

import numpy as np

from sightline.errors import ConfigError, DataError, unknown_name
from sightline.files import printable
from sightline.predictions.task import Task

if TYPE_CHECKING:
    from sightline.predictions.record import Predictions

# A softmax in float16 over 1,000 classes stays within 5e-4 of one.
_SUM_TOLERANCE = 1e-3
_FARTHEST = 2.0
"""The largest cosine distance."""


def check_words(given: Predictions) -> None:
    """Refuse an unknown task, classes that are not names, and limits out of range."""
    if given.task not in get_args(Task):
        raise unknown_name("task", given.task, get_args(Task))
    repeated = sorted({name for name in given.classes if given.classes.count(name) > 1})
    if repeated or not given.classes:
        what = f"class {printable(repeated[0])!r} stands twice" if repeated else "no classes"
        raise bad_predictions(what, expected="one or more class names, each once")
    for what, value in _limits(given):
        if not 0 <= value <= 1:
            raise ConfigError(
                f"{what} is {value}.", expected="a probability from 0 to 1", code="bad_threshold"
            )
    if isinstance(given.threshold, Mapping) and given.task == "multi_class":
        _check_two(given, given.threshold)
    if given.unlike_above is not None and not 0 <= given.unlike_above <= _FARTHEST:
        raise ConfigError(
            f"unlike_above is {given.unlike_above}.",
            expected=f"a distance from 0 to {_FARTHEST}",
            code="bad_threshold",
        )


def _limits(given: Predictions) -> Iterator[tuple[str, float]]:
    """Yield each threshold and limit with what it is called."""
    for field, value in (("threshold", given.threshold), ("unsure_below", given.unsure_below)):
        if not isinstance(value, Mapping):
            if value is not None:
                yield field, value
            continue
        for name, limit in value.items():
            if name not in given.classes:
                raise unknown_name("class", name, given.classes)
            yield f"{field} of {printable(name)!r}", limit


def _check_two(given: Predictions, threshold: Mapping[str, float]) -> None:
    if len(threshold) > 1 or (threshold and len(given.classes) != 2):
        raise ConfigError(
            f"Thresholds for {len(threshold)} of {len(given.classes)} classes.",
            expected="of a multi-class model with two classes, a threshold for one of them",
            code="bad_threshold",
        )


def check_arrays(given: Predictions) -> None:
    """Refuse arrays of another type or shape."""
    rows, columns = len(given.names), len(given.classes)
    if given.distances is not None and given.distances.shape != (rows,):
        raise bad_predictions(
            f"distances are of shape {given.distances.shape}", expected=f"shape ({rows},)"
        )
    wanted = {"probabilities": columns, "logits": columns, "embeddings": None}
    for name, width in wanted.items():
        array = getattr(given, name)
        if array is None and name != "probabilities":
            continue
        found = f"{type(array).__name__}"
        if isinstance(array, np.ndarray):
            found = f"{array.dtype} of shape {array.shape}"
            right = array.ndim == 2 and len(array) == rows and width in (None, array.shape[1])
            if right and array.dtype == np.float32:
                continue
        raise bad_predictions(
            f"{name} are {found}",
            expected=f"a float32 array of shape ({rows}, {'d' if width is None else width}): "
            "a row for each name, a column for each class",
            fix=f"convert with numpy.asarray({name}, numpy.float32)",
        )
    outside = [row for row in given.errors if not 0 <= row < rows]
    if outside:
        raise bad_predictions(
            f"an error for row {outside[0]} of {rows}", expected="errors keyed by row"
        )


def check_values(given: Predictions) -> None:
    """Refuse what is not finite or no probability, and answers in failed rows."""
    failed = ~given.ok
    for name in ("probabilities", "logits", "embeddings", "distances"):
        array = getattr(given, name)
        if array is None:
            continue
        array = array if array.ndim == 2 else array[:, None]
        finite = np.isfinite(array).all(axis=1)
        wrong = np.flatnonzero(np.where(failed, ~np.isnan(array).all(axis=1), ~finite))
        # An array of no columns has neither finite nor missing values.
        if array.shape[1] and wrong.size:
            row = int(wrong[0])
            found = "numbers in a failed row" if failed[row] else "a value that is not finite"
            raise bad_predictions(
                f"{name} have {found}: row {row}, {printable(given.names[row])!r}",
                expected="finite numbers where there is an answer, NaN where there is an error",
                fix="declare rows without an answer in `errors`",
            )
    answered = given.probabilities[~failed]
    outside = np.flatnonzero(((answered < 0) | (answered > 1)).any(axis=1))
    if given.task == "multi_class" and not outside.size:
        outside = np.flatnonzero(np.abs(answered.sum(axis=1) - 1) > _SUM_TOLERANCE)
    if outside.size:
        row = int(np.flatnonzero(~failed)[outside[0]])
        total = float(given.probabilities[row].sum())
        lowest, highest = given.probabilities[row].min(), given.probabilities[row].max()
        raise bad_predictions(
            f"row {row}, {printable(given.names[row])!r}, has values from {lowest:.4g} to "
            f"{highest:.4g} that add up to {total:.4g}",
            expected="probabilities from 0 to 1"
            + (" that add up to 1" if given.task == "multi_class" else ""),
            fix="apply softmax (multi_class) or sigmoid (multi_label) to logits first",
        )


def bad_predictions(what: str, *, expected: str, fix: str | None = None) -> DataError:
    """Return the error for a record that contradicts itself."""
    return DataError(f"Predictions: {what}.", expected=expected, fix=fix, code="bad_predictions")

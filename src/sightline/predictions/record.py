"""The answers of a classifier as arrays: the one record that judges, writers and auditors read.

Knows nothing of images, models or right answers. A record is checked once, at birth, so that
whoever holds one may rely on its shapes and on every row being finite or declared failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np

from sightline.errors import ConfigError, DataError, SightlineError, did_you_mean, unknown_name
from sightline.files import printable

Task = Literal["multi_class", "multi_label"]
"""Exactly one class is right (probabilities add up to one), or any number of them."""

Label = str | tuple[str, ...] | None
"""An answer: a class name; the names of a multi-label answer; None for a failed row."""

UNSURE = "unsure"

# A softmax in float16 over 1,000 classes stays within 5e-4 of one.
_SUM_TOLERANCE = 1e-3


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """What a classifier says of n images.

    Args:
        task: `"multi_class"` or `"multi_label"`.
        classes: The k class names, in the order of the columns.
        names: What the n images are called; a name may come more than once.
        probabilities: float32 (n, k) in [0, 1]; NaN in the rows of `errors` and nowhere else.
        errors: Why a row failed, by row.
        logits: float32 (n, k) before temperature, NaN in failed rows; None where unknown.
        embeddings: float32 (n, d), NaN in failed rows; None where unknown.
        threshold: Multi-label: the probability from which a label is given; one number, or a
            number for each class that differs from 0.5.
        unsure_below: The confidence under which `answers` says `"unsure"`; None for never.

    Raises:
        ConfigError: The task, a threshold or `unsure_below` is not what it can be.
        DataError: Shapes, types or values contradict each other.
    """

    task: Task
    classes: tuple[str, ...]
    names: tuple[str, ...]
    probabilities: np.ndarray
    errors: Mapping[int, SightlineError] = field(default_factory=dict)
    logits: np.ndarray | None = None
    embeddings: np.ndarray | None = None
    threshold: float | Mapping[str, float] = 0.5
    unsure_below: float | None = None

    def __post_init__(self) -> None:
        self._set("classes", tuple(self.classes))
        self._set("names", tuple(self.names))
        self._set("errors", MappingProxyType(dict(sorted(self.errors.items()))))
        if isinstance(self.threshold, Mapping):
            self._set("threshold", MappingProxyType(dict(self.threshold)))
        _check_words(self)
        _check_arrays(self)
        _check_values(self)
        for name in ("probabilities", "logits", "embeddings"):
            array = getattr(self, name)
            if array is not None:
                self._set(name, _read_only(array))

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, which: int | slice | str | Sequence[int] | np.ndarray) -> Predictions:
        """Return some of the rows as a record of their own.

        Args:
            which: A row, a slice, row numbers, a bool mask (n,), or a name; a name gives all
                rows that bear it.

        Raises:
            IndexError: There is no such row.
            ConfigError: There is no such name.
        """
        rows = self._rows(which)
        old_errors = self.errors
        return replace(
            self,
            names=tuple(self.names[row] for row in rows),
            probabilities=self.probabilities[rows],
            errors={new: old_errors[old] for new, old in enumerate(rows) if old in old_errors},
            logits=None if self.logits is None else self.logits[rows],
            embeddings=None if self.embeddings is None else self.embeddings[rows],
        )

    def __iter__(self) -> Iterator[Predictions]:
        return (self[row] for row in range(len(self)))

    def __reduce__(self) -> tuple[Any, ...]:
        # A read-only view of a dict cannot be pickled, and chunks cross process borders.
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        plain = {key: dict(v) if isinstance(v, Mapping) else v for key, v in values.items()}
        return _rebuild, (plain,)

    @property
    def ok(self) -> np.ndarray:
        """Which rows have an answer: bool (n,)."""
        ok = np.ones(len(self), bool)
        ok[list(self.errors)] = False
        return ok

    @property
    def thresholds(self) -> np.ndarray:
        """The probability from which each label is given: float32 (k,)."""
        given = self.threshold
        if not isinstance(given, Mapping):
            return np.full(len(self.classes), given, np.float32)
        # In float32, so that a probability written 0.7 reaches a threshold written 0.7.
        return np.array([given.get(name, 0.5) for name in self.classes], np.float32)

    @property
    def chosen(self) -> np.ndarray:
        """Which classes make up each answer: bool (n, k); nothing in failed rows.

        Of equal probabilities the class listed first wins.
        """
        if self.task == "multi_label":
            return self.probabilities >= self.thresholds  # NaN is never chosen
        chosen = np.zeros(self.probabilities.shape, bool)
        rows = np.flatnonzero(self.ok)
        chosen[rows, self.probabilities[rows].argmax(axis=1)] = True
        return chosen

    @property
    def labels(self) -> tuple[Label, ...]:
        """The most probable class of each image, or all labels that reach their threshold."""
        ok, names = self.ok, np.array(self.classes, object)
        sets = [tuple(names[row]) if ok[i] else None for i, row in enumerate(self.chosen)]
        if self.task == "multi_label":
            return tuple(sets)
        return tuple(answer[0] if answer else None for answer in sets)

    @property
    def confidence(self) -> np.ndarray:
        """How probable the model thinks its own answer: float32 (n,), NaN in failed rows.

        Multi-label: that of the least certain of its yes-or-no decisions.
        """
        if self.task == "multi_class":
            return self.probabilities.max(axis=1)  # type: ignore[no-any-return]
        believed = np.where(self.chosen, self.probabilities, 1 - self.probabilities)
        return believed.min(axis=1)  # type: ignore[no-any-return]

    @property
    def unsure(self) -> np.ndarray:
        """Which answers are less confident than `unsure_below`: bool (n,)."""
        if self.unsure_below is None:
            return np.zeros(len(self), bool)
        return self.confidence < np.float32(self.unsure_below)

    @property
    def answers(self) -> tuple[Label, ...]:
        """`labels`, with `"unsure"` in place of those that are not confident enough."""
        pairs = zip(self.labels, self.unsure, strict=True)
        return tuple(UNSURE if unsure else label for label, unsure in pairs)

    def top(self, k: int) -> tuple[tuple[tuple[str, float], ...], ...]:
        """Return for each image its k most probable classes as (name, probability).

        At most as many as there are classes; none for a failed row. Of equal probabilities
        the class listed first comes first.
        """
        if k < 1:
            raise ConfigError(f"top({k}) of the classes.", expected="1 or more", code="bad_top")
        order = np.argsort(-self.probabilities, axis=1, kind="stable")[:, :k]
        return tuple(
            tuple((self.classes[column], float(row[column])) for column in columns) if ok else ()
            for ok, row, columns in zip(self.ok, self.probabilities, order, strict=True)
        )

    def to_rows(self, *, top: int = 3) -> Iterator[dict[str, Any]]:
        """Yield one JSON-ready row for each image, in order.

        Args:
            top: How many of the most probable classes each row lists.

        Yields:
            `name`; `answer` (a name, a list of names, `"unsure"`, or None); `unsure`, which
            tells a class of that name apart; `confidence`; `top`, a list of `label` and
            `probability`; `error`, None or its `code`, `what`, `expected` and `fix`. Numbers are
            the shortest that give the same float32.
        """
        confidence, unsure = self.confidence, self.unsure
        for row, (answer, best) in enumerate(zip(self.answers, self.top(top), strict=True)):
            error = self.errors.get(row)
            yield {
                "name": self.names[row],
                "answer": list(answer) if isinstance(answer, tuple) else answer,
                "unsure": bool(unsure[row]),
                "confidence": None if error else _shortest(confidence[row]),
                "top": [{"label": label, "probability": _shortest(value)} for label, value in best],
                "error": _error_json(error) if error else None,
            }

    @staticmethod
    def concatenate(chunks: Iterable[Predictions]) -> Predictions:
        """Return the rows of all chunks, in order, as one record.

        A chunk in which every row failed may lack the logits or embeddings of the others.

        Raises:
            DataError: There is no chunk, or they are not of one model and one rule.
        """
        parts = list(chunks)
        if not parts:
            raise DataError("No predictions to put together.", expected="at least one chunk")
        first = parts[0]
        for name in ("task", "classes", "threshold", "unsure_below"):
            values = [getattr(part, name) for part in parts]
            if any(value != values[0] for value in values):
                raise _bad(f"chunks differ in their {name}", expected="chunks of one model")
        starts = np.cumsum([0, *map(len, parts)])
        return replace(
            first,
            names=tuple(name for part in parts for name in part.names),
            probabilities=np.concatenate([part.probabilities for part in parts]),
            errors={
                int(start) + row: error
                for start, part in zip(starts, parts, strict=False)
                for row, error in part.errors.items()
            },
            logits=_join(parts, "logits"),
            embeddings=_join(parts, "embeddings"),
        )

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _rows(self, which: int | slice | str | Sequence[int] | np.ndarray) -> list[int]:
        if isinstance(which, str):
            rows = [row for row, name in enumerate(self.names) if name == which]
            if not rows:
                near = did_you_mean(which, self.names)
                raise ConfigError(
                    f"No prediction is called {printable(which)!r}.{printable(near)}",
                    expected="one of `names`",
                    code="unknown_prediction_name",
                )
            return rows
        return [int(row) for row in np.atleast_1d(np.arange(len(self))[which])]


def _rebuild(values: dict[str, Any]) -> Predictions:
    return Predictions(**values)


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view


def _bad(what: str, *, expected: str, fix: str | None = None) -> DataError:
    return DataError(f"Predictions: {what}.", expected=expected, fix=fix, code="bad_predictions")


def _check_words(given: Predictions) -> None:
    if given.task not in get_args(Task):
        raise unknown_name("task", given.task, get_args(Task))
    repeated = sorted({name for name in given.classes if given.classes.count(name) > 1})
    if repeated or not given.classes:
        what = f"class {printable(repeated[0])!r} stands twice" if repeated else "no classes"
        raise _bad(what, expected="one or more class names, each once")
    limits = dict(given.threshold) if isinstance(given.threshold, Mapping) else {}
    for name in limits:
        if name not in given.classes:
            raise unknown_name("class", name, given.classes)
    if not limits and not isinstance(given.threshold, Mapping):
        limits = {"threshold": given.threshold}
    if given.unsure_below is not None:
        limits = {**limits, "unsure_below": given.unsure_below}
    for name, value in limits.items():
        if not 0 <= value <= 1:
            raise ConfigError(
                f"Threshold {printable(name)!r} is {value}.",
                expected="a probability from 0 to 1",
                code="bad_threshold",
            )


def _check_arrays(given: Predictions) -> None:
    rows, columns = len(given.names), len(given.classes)
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
        raise _bad(
            f"{name} are {found}",
            expected=f"a float32 array of shape ({rows}, {'d' if width is None else width}): "
            "a row for each name, a column for each class",
            fix=f"convert with numpy.asarray({name}, numpy.float32)",
        )
    outside = [row for row in given.errors if not 0 <= row < rows]
    if outside:
        raise _bad(f"an error for row {outside[0]} of {rows}", expected="errors keyed by row")


def _check_values(given: Predictions) -> None:
    failed = ~given.ok
    for name in ("probabilities", "logits", "embeddings"):
        array = getattr(given, name)
        if array is None:
            continue
        finite = np.isfinite(array).all(axis=1)
        wrong = np.flatnonzero(np.where(failed, ~np.isnan(array).all(axis=1), ~finite))
        # An array of no columns has neither finite nor missing values.
        if array.shape[1] and wrong.size:
            row = int(wrong[0])
            found = "numbers in a failed row" if failed[row] else "a value that is not finite"
            raise _bad(
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
        raise _bad(
            f"row {row}, {printable(given.names[row])!r}, has values from {lowest:.4g} to "
            f"{highest:.4g} that add up to {total:.4g}",
            expected="probabilities from 0 to 1"
            + (" that add up to 1" if given.task == "multi_class" else ""),
            fix="apply softmax (multi_class) or sigmoid (multi_label) to logits first",
        )


def _join(parts: Sequence[Predictions], name: str) -> np.ndarray | None:
    known = [getattr(part, name) for part in parts if getattr(part, name) is not None]
    widths = {array.shape[1] for array in known}
    if not known:
        return None
    if len(widths) > 1:
        raise _bad(f"chunks have {name} of widths {sorted(widths)}", expected="one width")
    pieces = []
    for part in parts:
        array = getattr(part, name)
        if array is None:
            if part.ok.any():
                raise _bad(f"some chunks lack {name}", expected="all chunks with them, or none")
            array = np.full((len(part), known[0].shape[1]), np.nan, np.float32)
        pieces.append(array)
    return np.concatenate(pieces)


def _shortest(value: float) -> float:
    return float(str(np.float32(value)))


def _error_json(error: SightlineError) -> dict[str, Any]:
    return {
        "code": error.code,
        "what": error.what,
        "expected": error.expected,
        "fix": error.fix,
    }

"""The answers of a classifier as arrays: the one record that judges, writers and auditors read.

Knows nothing of images, models or right answers. A record is checked once, at birth, so that
whoever holds one may rely on its shapes and on every row being finite or declared failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from sightline.errors import ConfigError, DataError, SightlineError, did_you_mean
from sightline.files import printable
from sightline.predictions.checking import (
    bad_predictions,
    check_arrays,
    check_values,
    check_words,
)
from sightline.predictions.task import Task

Label = str | tuple[str, ...] | None
"""An answer: a class name; the names of a multi-label answer; None for a failed row."""

UNSURE = "unsure"
UNLIKE = "unlike the training data"

_ARRAYS = ("probabilities", "logits", "embeddings", "distances")


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
        distances: float32 (n,), how far each image is from those of the training, NaN in failed
            rows; None where unknown.
        threshold: Multi-label: the probability from which a label is given; one number, or a
            number for each class that differs from 0.5. Multi-class with two classes: the one
            class that is answered from a probability of its own, `{"defect": 0.2}`.
        unsure_below: The confidence under which `answers` says `"unsure"`; None for never. For
            multi-label that of each decision: one number, or one for some of the labels.
        unlike_above: The distance above which `answers` says that the image is unlike the
            training data; None for never.

    Raises:
        ConfigError: The task, a threshold or a limit is not what it can be.
        DataError: Shapes, types or values contradict each other.
    """

    task: Task
    classes: tuple[str, ...]
    names: tuple[str, ...]
    probabilities: np.ndarray
    errors: Mapping[int, SightlineError] = field(default_factory=dict)
    logits: np.ndarray | None = None
    embeddings: np.ndarray | None = None
    distances: np.ndarray | None = None
    threshold: float | Mapping[str, float] = 0.5
    unsure_below: float | Mapping[str, float] | None = None
    unlike_above: float | None = None

    def __post_init__(self) -> None:
        self._set("classes", tuple(self.classes))
        self._set("names", tuple(self.names))
        self._set("errors", MappingProxyType(dict(sorted(self.errors.items()))))
        for name in ("threshold", "unsure_below"):
            given = getattr(self, name)
            if isinstance(given, Mapping):
                self._set(name, MappingProxyType(dict(given)))
        check_words(self)
        check_arrays(self)
        check_values(self)
        for name in _ARRAYS:
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
            distances=None if self.distances is None else self.distances[rows],
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
            return np.asarray(self.probabilities >= self.thresholds)  # NaN is never chosen
        best = np.where(self.ok, np.nan_to_num(self.probabilities).argmax(axis=1), -1)
        if isinstance(self.threshold, Mapping):
            for name, limit in self.threshold.items():
                column = self.classes.index(name)
                reached = self.probabilities[:, column] >= np.float32(limit)
                best = np.where(self.ok, np.where(reached, column, 1 - column), -1)
        return np.asarray(np.arange(len(self.classes)) == best[:, None])

    @property
    def labels(self) -> tuple[Label, ...]:
        """The most probable class of each image, or all labels that reach their threshold."""
        sets = self._sets(self.chosen)
        if self.task == "multi_label":
            return sets
        return tuple(answer[0] if answer else None for answer in sets)

    @property
    def confidence(self) -> np.ndarray:
        """How probable the model thinks its own answer: float32 (n,), NaN in failed rows.

        Multi-label: that of the least certain of its yes-or-no decisions.
        """
        if self.task == "multi_label":
            return self.decision_confidence.min(axis=1)  # type: ignore[no-any-return]
        own = np.where(self.chosen, self.probabilities, 0).sum(axis=1)
        return np.asarray(np.where(self.ok, own, np.float32(np.nan)))

    @property
    def decision_confidence(self) -> np.ndarray:
        """How probable each yes or no of a multi-label answer is: float32 (n, k)."""
        return np.asarray(np.where(self.chosen, self.probabilities, 1 - self.probabilities))

    @property
    def unsure(self) -> np.ndarray:
        """Which answers are less confident than `unsure_below`: bool (n,).

        Multi-label: those with a decision that is.
        """
        if self.task == "multi_label":
            return np.asarray(self.unsure_decisions.any(axis=1))
        if self.unsure_below is None or isinstance(self.unsure_below, Mapping):
            return np.zeros(len(self), bool)
        return self.confidence < np.float32(self.unsure_below)

    @property
    def unsure_decisions(self) -> np.ndarray:
        """Multi-label: which labels the model can neither give nor deny: bool (n, k)."""
        given = self.unsure_below
        if given is None:
            return np.zeros(self.probabilities.shape, bool)
        limits = given if isinstance(given, Mapping) else dict.fromkeys(self.classes, given)
        below = np.array([limits.get(name, 0.0) for name in self.classes], np.float32)
        return self.decision_confidence < below  # NaN is not

    @property
    def unlike(self) -> np.ndarray:
        """Which images are farther from the training data than `unlike_above`: bool (n,)."""
        if self.unlike_above is None or self.distances is None:
            return np.zeros(len(self), bool)
        return self.distances > np.float32(self.unlike_above)

    @property
    def answers(self) -> tuple[Label, ...]:
        """`labels`, but for what should not be relied on.

        `"unlike the training data"` where the image is; else, for multi-class, `"unsure"` where
        the confidence is too low, and for multi-label the labels that are sure to be there.
        """
        sure: tuple[Label, ...]
        if self.task == "multi_label":
            sure = self._sets(self.chosen & ~self.unsure_decisions)
        else:
            pairs = zip(self.labels, self.unsure, strict=True)
            sure = tuple(UNSURE if unsure else label for label, unsure in pairs)
        return tuple(
            UNLIKE if unlike else answer for answer, unlike in zip(sure, self.unlike, strict=True)
        )

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
            `name`; `answer` (a name, a list of names, `"unsure"`, `"unlike the training data"`,
            or None); `unsure` and `unlike`, which tell classes of those names apart;
            `unsure_labels`, for multi-label; `confidence`; `distance`; `top`, a list of `label`
            and `probability`; `error`, None or its `code`, `what`, `expected` and `fix`. Numbers
            are the shortest that give the same float32.
        """
        confidence, unsure, unlike = self.confidence, self.unsure, self.unlike
        undecided = self._sets(self.unsure_decisions) if self.task == "multi_label" else None
        for row, (answer, best) in enumerate(zip(self.answers, self.top(top), strict=True)):
            error = self.errors.get(row)
            yield {
                "name": self.names[row],
                "answer": list(answer) if isinstance(answer, tuple) else answer,
                "unsure": bool(unsure[row]),
                "unsure_labels": list((undecided[row] if undecided else None) or ()),
                "unlike": bool(unlike[row]),
                "confidence": None if error else _shortest(confidence[row]),
                "distance": None
                if error or self.distances is None
                else _shortest(self.distances[row]),
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
        for name in ("task", "classes", "threshold", "unsure_below", "unlike_above"):
            values = [getattr(part, name) for part in parts]
            if any(value != values[0] for value in values):
                raise bad_predictions(
                    f"chunks differ in their {name}", expected="chunks of one model"
                )
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
            distances=_join(parts, "distances"),
        )

    def _sets(self, which: np.ndarray) -> tuple[tuple[str, ...] | None, ...]:
        """Return the names of the classes in each row of a bool (n, k); None in failed rows."""
        ok, names = self.ok, np.array(self.classes, object)
        return tuple(tuple(names[row]) if ok[i] else None for i, row in enumerate(which))

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


def _join(parts: Sequence[Predictions], name: str) -> np.ndarray | None:
    known = [getattr(part, name) for part in parts if getattr(part, name) is not None]
    widths = {array.shape[1:] for array in known}
    if not known:
        return None
    if len(widths) > 1:
        raise bad_predictions(
            f"chunks have {name} of widths {sorted(widths)}", expected="one width"
        )
    pieces = []
    for part in parts:
        array = getattr(part, name)
        if array is None:
            if part.ok.any():
                raise bad_predictions(
                    f"some chunks lack {name}", expected="all chunks with them, or none"
                )
            array = np.full((len(part), *known[0].shape[1:]), np.nan, np.float32)
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

"""Answers as files: CSV, JSON Lines or Parquet, by suffix, chunk by chunk, atomic at the end.

Names are written exactly as they are, in CSV too: a name changed to please a spreadsheet
would no longer be the name of a file. A CSV cell that begins like a formula (`=`, `+`, `-`,
`@`) therefore stays one; the writer counts them, so that whoever calls it can say so.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from sightline.errors import ConfigError
from sightline.files import load_module, open_atomically, printable
from sightline.predictions import Predictions, Task

SEPARATOR = "|"
"""Between the labels of a multi-label answer in CSV, as in manifests."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_ROWS_IN_A_GROUP = 10_000
_FIRST_COLUMNS = (
    *("name", "answer", "unsure", "unsure_labels", "unlike"),
    *("confidence", "distance"),
)


class AnswersWriter:
    """Takes predictions and writes one row for each image. Made by `open_answers`.

    Attributes:
        rows: Images written.
        failed: Those among them that have an error instead of an answer.
        formula_like: CSV: rows with a name or answer that a spreadsheet would take for a
            formula.
    """

    def __init__(self, form: Form, *, top: int) -> None:
        self.rows = 0
        self.failed = 0
        self.formula_like = 0
        self._form = form
        self._top = top

    def write(self, predictions: Predictions) -> None:
        """Append the rows of a chunk."""
        rows = list(predictions.to_rows(top=self._top))
        self._form.write(rows, predictions.task)
        self.rows += len(rows)
        self.failed += len(predictions.errors)
        if isinstance(self._form, CsvForm):
            self.formula_like += sum(map(_is_formula_like, rows))


class Form(Protocol):
    """A file format for rows of `Predictions.to_rows`."""

    def write(self, rows: list[dict[str, Any]], task: Task) -> None:
        """Append rows."""
        ...

    def close(self) -> None:
        """Write what is left; the stream stays open."""
        ...


@contextmanager
def open_answers(path: str | os.PathLike[str], *, top: int = 3) -> Iterator[AnswersWriter]:
    """Open a file of answers that appears at `path` only when the block succeeds.

    Args:
        path: Its suffix decides the format: one of `ANSWER_FORMS`.
        top: How many of the most probable classes each row lists.

    Raises:
        ConfigError: The suffix is unknown, or `top` is below 1.
        MissingPackageError: The format needs a package that is not installed.
        MachineError: The file cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in ANSWER_FORMS:
        raise ConfigError(
            f"Cannot write answers as {printable(Path(path).name)!r}.",
            expected="a name that ends in " + ", ".join(ANSWER_FORMS),
            code="unknown_suffix",
        )
    if top < 1:
        raise ConfigError(f"top is {top}.", expected="1 or more", code="bad_top")
    with open_atomically(path) as stream:
        form = ANSWER_FORMS[suffix](stream, top)
        try:
            yield AnswersWriter(form, top=top)
        finally:
            form.close()


def answer_documents(predictions: Predictions, *, top: int = 3) -> Iterator[dict[str, Any]]:
    """Yield each row of `predictions` as a JSON document (`schemas/prediction.json`)."""
    return map(_document, predictions.to_rows(top=top))


class CsvForm:
    """CSV as in RFC 4180, UTF-8; names that are not UTF-8 keep their bytes.

    Columns: `name`, `answer`, `unsure`, `unsure_labels`, `unlike`, `confidence`, `distance`,
    `label_1`, `probability_1`, ..., `error_code`, `error`. Several labels are joined with `|`.
    """

    def __init__(self, stream: BinaryIO, top: int) -> None:
        self._stream = stream
        self._top = top
        ranks = range(1, top + 1)
        best = [column for rank in ranks for column in (f"label_{rank}", f"probability_{rank}")]
        self._write([[*_FIRST_COLUMNS, *best, "error_code", "error"]])

    def write(self, rows: list[dict[str, Any]], task: Task) -> None:
        """Append rows."""
        self._write([self._cells(row) for row in rows])

    def close(self) -> None:
        """Do nothing: every chunk is whole."""

    def _cells(self, row: Mapping[str, Any]) -> list[Any]:
        best = [cell for item in row["top"] for cell in (item["label"], item["probability"])]
        error = row["error"] or {"code": "", "what": ""}
        return [
            row["name"],
            _joined(row["answer"]),
            _truth(row["unsure"]),
            _joined(row["unsure_labels"]),
            _truth(row["unlike"]),
            row["confidence"],
            row["distance"],
            *best,
            *[""] * (2 * self._top - len(best)),
            error["code"],
            error["what"],
        ]

    def _write(self, rows: list[list[Any]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        self._stream.write(text.getvalue().encode("utf-8", "surrogateescape"))


class JsonLinesForm:
    """One JSON object a line, as in `schemas/prediction.json`."""

    def __init__(self, stream: BinaryIO, top: int) -> None:
        self._stream = stream

    def write(self, rows: list[dict[str, Any]], task: Task) -> None:
        """Append rows."""
        lines = [json.dumps(_document(row), allow_nan=False) + "\n" for row in rows]
        self._stream.write("".join(lines).encode())

    def close(self) -> None:
        """Do nothing: every chunk is whole."""


class ParquetForm:
    """Parquet with typed columns; multi-label answers are lists.

    Text in Parquet must be Unicode: bytes of a name that are not UTF-8 are written as `\\xff`.
    """

    def __init__(self, stream: BinaryIO, top: int) -> None:
        purpose = "write Parquet"
        self._arrow = load_module("pyarrow", purpose=purpose)
        self._parquet = load_module("pyarrow.parquet", purpose=purpose)
        self._stream = stream
        self._rows: list[dict[str, Any]] = []
        self._task: Task = "multi_class"
        self._writer: Any = None

    def write(self, rows: list[dict[str, Any]], task: Task) -> None:
        """Append rows."""
        self._task = task
        self._rows += [_parquet_row(row, task) for row in rows]
        if len(self._rows) >= _ROWS_IN_A_GROUP:
            self._flush()

    def close(self) -> None:
        """Write the rows that wait, and the footer."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._writer is None:
            self._writer = self._parquet.ParquetWriter(self._stream, self._schema())
        self._writer.write_table(self._arrow.Table.from_pylist(self._rows, schema=self._schema()))
        self._rows = []

    def _schema(self) -> Any:
        arrow = self._arrow
        text, number = arrow.string(), arrow.float32()
        best = arrow.struct([("label", text), ("probability", number)])
        columns = {
            "name": text,
            "answer": text if self._task == "multi_class" else arrow.list_(text),
            "unsure": arrow.bool_(),
            "unsure_labels": arrow.list_(text),
            "unlike": arrow.bool_(),
            "confidence": number,
            "distance": number,
            "top": arrow.list_(best),
            "error_code": text,
            "error": text,
        }
        return arrow.schema(list(columns.items()))


ANSWER_FORMS: Mapping[str, Callable[[BinaryIO, int], Form]] = {
    ".csv": CsvForm,
    ".jsonl": JsonLinesForm,
    ".parquet": ParquetForm,
}


def _document(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"schema": "prediction", "schema_version": "1.1", **row}


def _parquet_row(row: Mapping[str, Any], task: Task) -> dict[str, Any]:
    error = row["error"] or {"code": None, "what": None}
    answer = row["answer"]
    # The column of multi-label answers holds lists, also where the answer is one word.
    alone = task == "multi_label" and isinstance(answer, str)
    return {
        **row,
        "name": _unicode(row["name"]),
        "answer": [answer] if alone else answer,
        "error_code": error["code"],
        "error": None if error["what"] is None else _unicode(error["what"]),
    }


def _unicode(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _joined(answer: str | list[str] | None) -> str:
    return SEPARATOR.join(answer) if isinstance(answer, list) else answer or ""


def _is_formula_like(row: Mapping[str, Any]) -> bool:
    return row["name"].startswith(_FORMULA) or _joined(row["answer"]).startswith(_FORMULA)

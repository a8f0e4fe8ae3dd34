"""Manifests as CSV or TSV: strict about quotes, columns and encoding, exact about lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from sightline.dataset.entries import (
    KNOWN,
    REQUIRED,
    Entry,
    LineError,
    Problem,
    checked_sha256,
    checked_split,
    split_labels,
)
from sightline.errors import DataError, did_you_mean

_GUESSED_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
_WIDE = (b"\xff\xfe", b"\xfe\xff")


def read_delimited(data: bytes, *, delimiter: str, name: str) -> tuple[list[Entry], list[Problem]]:
    """Parse a delimited manifest.

    Args:
        data: The file, UTF-8 with or without byte-order mark; any line ending.
        delimiter: `","` or a tab.
        name: What it is called, printable.

    Returns:
        The lines that could be read, and what is wrong with the others.

    Raises:
        DataError: The file as a whole cannot be read as such a table.
    """
    reader = csv.reader(
        io.StringIO(_decode(data, name), newline=""), delimiter=delimiter, strict=True
    )
    entries: list[Entry] = []
    problems: list[Problem] = []
    columns: list[str] = []
    line = 1
    try:
        columns = _header(next(reader, []), delimiter, name)
        line = reader.line_num + 1
        for cells in reader:
            try:
                if cells:
                    entries.append(_entry(line, columns, cells))
            except LineError as error:
                problems.append(Problem(line=line, check=error.check, text=error.text))
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{name} is not a well-formed table: the record that starts at line {line}: {error}. "
            f"Columns found: {', '.join(columns) or 'none'}.",
            expected="fields quoted in pairs, and quotes inside a field doubled",
            fix=f"look for a quotation mark without its pair at line {line} or after",
            code="bad_manifest",
        ) from error
    return entries, problems


def _decode(data: bytes, name: str) -> str:
    if data.startswith(_WIDE):
        raise DataError(
            f"{name} is UTF-16, line 1.",
            expected="UTF-8",
            fix="save it as UTF-8",
            code="bad_manifest",
        )
    nul = data.find(b"\0")
    if nul >= 0:
        line = data.count(b"\n", 0, nul) + 1
        raise DataError(
            f"{name} holds a NUL byte in line {line}.",
            expected="a text file",
            fix="export the table again",
            code="bad_manifest",
        )
    # File names need not be UTF-8: their bytes survive as surrogates.
    return data.decode("utf-8-sig", "surrogateescape")


def _header(cells: Sequence[str], delimiter: str, name: str) -> list[str]:
    columns = [cell.strip() for cell in cells]
    missing = [column for column in REQUIRED if column not in columns]
    if not missing and len(set(columns)) == len(columns) and "" not in columns:
        return columns
    what = (
        f"no column {' and no column '.join(repr(column) for column in missing)}"
        if missing
        else "a column without name, or twice the same"
    )
    raise DataError(
        f"{name}, line 1: {what}. Columns found: {', '.join(map(ascii, columns)) or 'none'}.",
        expected="a first line such as path,label or path,label,split,group",
        fix=_header_fix(columns, missing, delimiter),
        code="bad_manifest",
    )


def _header_fix(columns: Sequence[str], missing: Sequence[str], delimiter: str) -> str:
    for other, word in _GUESSED_DELIMITERS.items():
        if other != delimiter and len(columns) == 1 and other in columns[0]:
            return (
                f"the fields seem to be separated by a {word}: "
                f"save with a {_GUESSED_DELIMITERS[delimiter]}"
            )
    near = "".join(did_you_mean(column, [c.lower() for c in columns]) for column in missing)
    return "name the columns in the first line." + near


def _entry(line: int, columns: Sequence[str], cells: Sequence[str]) -> Entry:
    if len(cells) != len(columns):
        raise LineError(
            "bad_row", f"{len(cells)} fields where the first line names {len(columns)} columns"
        )
    values = dict(zip(columns, cells, strict=True))
    split, digest = values.get("split", ""), values.get("sha256", "")
    return Entry(
        line=line,
        path=values["path"],
        labels=split_labels(values["label"]),
        split=checked_split(split) if split.strip() else None,
        group=values.get("group") or None,
        sha256=checked_sha256(digest) if digest.strip() else None,
        extra={key: value for key, value in values.items() if key not in KNOWN},
    )

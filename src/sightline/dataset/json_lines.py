"""Manifests as JSON Lines: one object a line, read strictly and written for the same value back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from sightline.dataset.entries import (
    KNOWN,
    Entry,
    LineError,
    Problem,
    checked_labels,
    checked_sha256,
    checked_split,
    split_labels,
)
from sightline.dataset.labels import SEPARATOR
from sightline.dataset.records import Row
from sightline.errors import DataError, did_you_mean
from sightline.files import canonical_json, parse_json, printable
from sightline.predictions import Task

VERSION = 1
_HEADER = "sightline_manifest"


@dataclass(frozen=True, kw_only=True)
class Header:
    """What the first line of a manifest that Sightline wrote declares."""

    task: Task
    classes: tuple[str, ...]


def read_json_lines(data: bytes, *, name: str) -> tuple[Header | None, list[Entry], list[Problem]]:
    """Parse a JSON Lines manifest.

    Args:
        data: The file, UTF-8; empty lines are passed over.
        name: What it is called, printable.

    Returns:
        The header if the file has one, the lines that could be read, what is wrong with the others.

    Raises:
        DataError: The header is of a later version, or damaged.
    """
    header: Header | None = None
    entries: list[Entry] = []
    problems: list[Problem] = []
    for line, text in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not text.strip():
            continue
        try:
            value = _object(text)
            if line == 1 and _HEADER in value:
                header = _header(value, name)
            else:
                entries.append(_entry(line, value))
        except LineError as error:
            problems.append(Problem(line=line, check=error.check, text=error.text))
    return header, entries, problems


def json_lines(header: Header, rows: Iterable[Row]) -> str:
    """Return the text of a manifest.

    Raises:
        DataError: A row has no path that could be read back.
    """
    first = {_HEADER: VERSION, "task": header.task, "classes": list(header.classes)}
    return "".join(canonical_json(value) + "\n" for value in (first, *map(_row_json, rows)))


def _object(text: bytes) -> dict[str, Any]:
    try:
        value = parse_json(text, name="the line")
    except DataError as error:
        raise LineError("bad_json", error.what) from error
    if not isinstance(value, dict):
        raise LineError("bad_json", f"{type(value).__name__} where an object should be")
    return value


def _header(value: Mapping[str, Any], name: str) -> Header:
    version, classes = value[_HEADER], value.get("classes")
    if isinstance(version, int) and version > VERSION:
        raise DataError(
            f"{name} is a manifest of version {version}.",
            expected=f"version {VERSION} or earlier",
            fix="update Sightline",
            code="future_version",
        )
    tasks: dict[str, Task] = {task: task for task in get_args(Task)}
    task = tasks.get(str(value.get("task")))
    if (
        version == VERSION
        and task is not None
        and isinstance(classes, list)
        and all(isinstance(item, str) for item in classes)
    ):
        return Header(task=task, classes=tuple(classes))
    raise DataError(
        f"{name}, line 1: a damaged header {canonical_json(value)[:200]}.",
        expected=f'{{"{_HEADER}": {VERSION}, "task": ..., "classes": [...]}}',
        fix="save the manifest again, or delete its first line",
        code="bad_manifest",
    )


def _entry(line: int, value: Mapping[str, Any]) -> Entry:
    missing = [key for key in ("path", "label") if key not in value]
    if missing:
        near = did_you_mean(missing[0], value)
        raise LineError(
            "bad_row", f"no {missing[0]!r}; keys found: {', '.join(map(ascii, value))}.{near}"
        )
    split, digest = _text(value, "split"), _text(value, "sha256")
    path = value["path"]
    if not isinstance(path, str):
        raise LineError("bad_row", f"path is {type(path).__name__}, not text")
    return Entry(
        line=line,
        path=path,
        labels=_labels(value["label"]),
        split=None if split is None else checked_split(split),
        group=_text(value, "group"),
        sha256=None if digest is None else checked_sha256(digest),
        extra={
            key: item if isinstance(item, str) else canonical_json(item)
            for key, item in value.items()
            if key not in KNOWN and item is not None
        },
    )


def _labels(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return split_labels(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return (str(value),)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return checked_labels(tuple(value))
    raise LineError("bad_label", f"label is {canonical_json(value)[:80]}, not text or a list of it")


def _text(value: Mapping[str, Any], key: str) -> str | None:
    item = value.get(key)
    if isinstance(item, int) and not isinstance(item, bool):
        return str(item)
    if item is None or isinstance(item, str):
        return item
    raise LineError("bad_row", f"{key} is {type(item).__name__}, not text")


def _row_json(row: Row) -> dict[str, Any]:
    clash = sorted(set(KNOWN) & set(row.extra))
    if clash:
        raise DataError(
            f"{printable(row.name)} has an extra column {clash[0]!r}.",
            expected=f"names other than {', '.join(KNOWN)}",
            code="bad_manifest",
        )
    known = {"split": row.split, "group": row.group, "sha256": row.sha256}
    return {
        "path": _written_path(row.name),
        "label": _written_labels(row.labels),
        **{key: item for key, item in known.items() if item is not None},
        **row.extra,
    }


def _written_labels(labels: tuple[str, ...]) -> str | list[str]:
    # A list is taken as it stands, text is split and stripped.
    if len(labels) == 1 and SEPARATOR not in labels[0] and labels[0] == labels[0].strip():
        return labels[0]
    return list(labels)


def _written_path(name: str) -> str:
    # A name that looks absolute to another system ("\\a", "c:a") is written as plainly relative.
    return f"./{name}" if name.startswith("\\") or name[1:2] == ":" else name

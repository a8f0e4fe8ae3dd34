"""Manifests: `path,label[,split,group,sha256,...]` as CSV or TSV, or one JSON object a line.

Every line is checked before any image is opened, and all that is wrong is said at once with line
numbers. Other columns are kept as text. Nothing outside the root is ever named by a row: paths are
relative, and links that lead out are refused.
"""

from __future__ import annotations

import os
import stat
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from sightline.dataset.delimited import read_delimited
from sightline.dataset.entries import Entry, LineError, Problem
from sightline.dataset.json_lines import Header, json_lines, read_json_lines
from sightline.dataset.labels import clean_label, one_class, twin_labels
from sightline.dataset.records import Finding, Listing, Row, counted, refusal
from sightline.errors import ConfigError, DataError
from sightline.files import join_inside, printable, write_text
from sightline.images.sources import ArraySource, FileSource
from sightline.predictions import Task

DELIMITERS: Mapping[str, str] = {".csv": ",", ".tsv": "\t"}
JSON_SUFFIXES = (".jsonl", ".ndjson")
MANIFEST_SUFFIXES = (*DELIMITERS, *JSON_SUFFIXES)

_MEANING: Mapping[str, tuple[str, str]] = {
    "bad_json": ("not a JSON object", "write one object a line"),
    "bad_label": ("label not usable", 'separate labels by "|"'),
    "bad_row": ("fields not as named", "quote fields that hold the delimiter"),
    "bad_sha256": ("digest not usable", "write 64 hexadecimal digits, or leave it empty"),
    "conflicting_labels": ("same path with other labels", "keep the right row"),
    "duplicate_row": ("row that repeats another", "delete one of the two"),
    "missing_file": ("file that is not there", "correct the path, or name the root of the paths"),
    "no_label": ("no label", "label the row, or say task='multi_label' if none may apply"),
    "unknown_label": ("label that the first line does not declare", "correct the label"),
    "unknown_split": ("unknown split", "use train, validation or test"),
    "unsafe_path": ("unsafe path", "write paths relative to the root, without '..'"),
}


def read_manifest(
    path: Path,
    *,
    root: Path | None = None,
    task: Task | None = None,
    allow: Collection[str] = (),
) -> Listing:
    """Read a manifest; every path in it must be an existing file under the root.

    Args:
        path: A `.csv`, `.tsv`, `.jsonl` or `.ndjson` file.
        root: What paths are relative to; the manifest's own folder by default.
        task: `"multi_label"` or `"multi_class"`; by default what the manifest declares, else
            multi-label if any row has several labels.
        allow: Checks to go on in spite of: `"one_class"`.

    Raises:
        DataError: Anything is wrong with any line; all of it is listed with line numbers.
    """
    base = path.parent if root is None else root
    header, entries, problems = _parse(path)
    task = task or (header.task if header else _task_of(entries))
    rows, lines = _rows(entries, base, problems)
    problems += _label_problems(entries, task, header)
    counts = Counter(label for row in rows for label in row.labels)
    classes = sorted(set(header.classes) if header else counts)
    findings = [*_findings(problems), *twin_labels(_raw_labels(entries, header))]
    if task == "multi_class" and len(classes) < 2 and not findings and "one_class" not in allow:
        findings += one_class(dict(counts), str(path))
    if findings:
        raise refusal(findings, expected="lines path,label[,split,group,...] that name images")
    return Listing(rows=tuple(rows), classes=tuple(classes), task=task, root=base)


def write_manifest(path: Path, listing: Listing) -> None:
    """Write rows as JSON Lines, atomically; paths are relative to the listing's root.

    Raises:
        ConfigError: The suffix is not one of JSON Lines.
        DataError: A row is not a file under the root, so that it could not be read back.
    """
    if path.suffix.lower() not in JSON_SUFFIXES:
        raise ConfigError(
            f"Cannot save a manifest as {printable(path.name)}.",
            expected=f"a name that ends in {' or '.join(JSON_SUFFIXES)}",
            code="bad_suffix",
        )
    for row in listing.rows:
        _check_writable(row, listing.root)
    header = Header(task=listing.task, classes=listing.classes)
    write_text(path, json_lines(header, listing.rows))


def _check_writable(row: Row, root: Path | None) -> None:
    source, climbs = row.source, ".." in row.name.replace("\\", "/").split("/")
    if isinstance(source, FileSource) and root and source.path == root / row.name and not climbs:
        return
    kind = "held in memory" if isinstance(source, ArraySource) else "not a file under the root"
    raise DataError(
        f"{printable(row.name)} is {kind}: a manifest cannot name it.",
        expected="images that are files under the dataset's root",
        fix="save arrays with numpy.savez, and open that",
        code="not_a_file",
    )


def _parse(path: Path) -> tuple[Header | None, list[Entry], list[Problem]]:
    name = printable(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"Cannot read {name}: {error.strerror}.", expected="a readable file", code="unreadable"
        ) from error
    suffix = path.suffix.lower()
    if suffix in JSON_SUFFIXES:
        return read_json_lines(data, name=name)
    entries, problems = read_delimited(data, delimiter=DELIMITERS[suffix], name=name)
    return None, entries, problems


def _task_of(entries: Sequence[Entry]) -> Task:
    # Rows without any label do not decide: a forgotten label must not change the task in silence.
    return "multi_label" if any(len(entry.labels) > 1 for entry in entries) else "multi_class"


def _raw_labels(entries: Sequence[Entry], header: Header | None) -> Iterator[str]:
    yield from header.classes if header else ()
    for entry in entries:
        yield from entry.labels


def _rows(
    entries: Sequence[Entry], root: Path, problems: list[Problem]
) -> tuple[list[Row], dict[str, Entry]]:
    resolver = _Resolver(root)
    first: dict[str, Entry] = {}
    rows: list[Row] = []
    for entry in entries:
        name = str(PurePosixPath(entry.path))
        earlier = first.setdefault(name, entry)
        try:
            if earlier is not entry:
                raise _repeated(entry, earlier)
            rows.append(_row(entry, name, resolver.resolve(entry.path)))
        except LineError as error:
            problems.append(Problem(line=entry.line, check=error.check, text=error.text))
    return rows, first


def _row(entry: Entry, name: str, path: Path) -> Row:
    return Row(
        source=FileSource(path=path, name=name),
        labels=tuple(clean_label(label) for label in entry.labels),
        split=entry.split,
        group=entry.group,
        sha256=entry.sha256,
        extra=entry.extra,
    )


def _repeated(entry: Entry, earlier: Entry) -> LineError:
    same = set(entry.labels) == set(earlier.labels)
    text = f"{printable(entry.path)} stands in line {earlier.line} already"
    if same:
        return LineError("duplicate_row", text)
    labels = f"{' | '.join(earlier.labels)!a} there, {' | '.join(entry.labels)!a} here"
    return LineError("conflicting_labels", f"{text}: {labels}")


def _label_problems(
    entries: Sequence[Entry], task: Task, header: Header | None
) -> Iterator[Problem]:
    declared = set(header.classes) if header else None
    for entry in entries:
        if task == "multi_class" and len(entry.labels) != 1:
            text = f"{printable(entry.path)} has {counted(len(entry.labels), 'label')}"
            check = "bad_label" if entry.labels else "no_label"
            yield Problem(line=entry.line, check=check, text=text)
        unknown = [] if declared is None else sorted(set(entry.labels) - declared)
        if unknown:
            yield Problem(line=entry.line, check="unknown_label", text=f"{unknown[0]!a}")


def _findings(problems: Sequence[Problem]) -> list[Finding]:
    by_check: dict[str, list[Problem]] = defaultdict(list)
    for problem in sorted(problems, key=lambda problem: problem.line):
        by_check[problem.check].append(problem)
    return [
        Finding(
            check=check,
            severity="error",
            message=f"{counted(len(found), 'line')}: {_MEANING[check][0]}.",
            paths=tuple(map(str, found)),
            fix=_MEANING[check][1],
        )
        for check, found in sorted(by_check.items())
    ]


class _Resolver:
    """`join_inside` for many paths in few folders: links are followed once per folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._safe: set[str] = set()

    def resolve(self, relative: str) -> Path:
        path = self._join(relative)
        try:
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                path = self._checked(relative)
                status = os.stat(path)
        except OSError as error:
            text = f"{printable(relative)} ({error.strerror})"
            raise LineError("missing_file", text) from error
        if not stat.S_ISREG(status.st_mode):
            raise LineError("unsafe_path", f"{printable(relative)} is not a regular file")
        return self._root / PurePosixPath(relative)

    def _join(self, relative: str) -> Path:
        folder, _, name = relative.rpartition("/")
        # "/etc" has an empty folder too: an absolute path must never take the short way.
        odd = relative.startswith("/") or "\\" in name or "\0" in name or name in ("", "..")
        if not odd and folder in self._safe:
            return self._root / relative
        path = self._checked(relative)
        self._safe.add(folder)
        return path

    def _checked(self, relative: str) -> Path:
        try:
            return join_inside(self._root, relative)
        except DataError as error:
            raise LineError("unsafe_path", printable(relative) or "an empty path") from error

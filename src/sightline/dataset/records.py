"""The records of this layer: a row, a finding, and what a reader gives. Data, no work.

A finding is what was skipped, ignored or found wrong; readers, splits and the audit all speak
in findings, so that nothing disappears without a word. Names in records are raw; whatever
shows them to a person must go through `sightline.files.printable`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from sightline.errors import DataError
from sightline.files import printable
from sightline.images.sources import Source
from sightline.predictions import Task

Severity = Literal["error", "warning", "info"]

SPLITS: tuple[str, ...] = ("train", "validation", "test")
SHOWN = 20
"""How many items an error or a finding lists before it only counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One labelled image.

    Args:
        source: The opener of the image; its `name` is unique in a dataset.
        labels: Class names: exactly one in a multi-class dataset, any number in a multi-label one.
        split: `"train"`, `"validation"`, `"test"`, or None where nothing is decided yet.
        group: Images with the same group (patient, camera, session) never straddle splits.
        sha256: What the content must hash to, where a manifest says so.
        extra: Other columns of the manifest, kept as text.
    """

    source: Source
    labels: tuple[str, ...]
    split: str | None = None
    group: str | None = None
    sha256: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def name(self) -> str:
        """What the image is called: its path relative to the data, where it has one."""
        return self.source.name

    def with_split(self, split: str | None) -> Row:
        """Return the row in another split."""
        return self if split == self.split else replace(self, split=split)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing found in the data.

    Args:
        check: A stable word, for `--allow` and `--without`: `"leak"`, `"unreadable"` and so on.
        severity: `"error"` stops the work, `"warning"` is shown, `"info"` is counted.
        message: What was found, printable.
        paths: The names it concerns, raw.
        fix: What to do about it.
        surplus: The names that leaving this problem out would drop; empty where nothing would help.
    """

    check: str
    severity: Severity
    message: str
    paths: tuple[str, ...] = ()
    fix: str = ""
    surplus: tuple[str, ...] = ()

    def answered(self, answer: str) -> Finding:
        """Return the finding once something was done about it: nothing is left to do."""
        return replace(self, severity="info", message=f"{self.message} {answer}", fix="")

    def to_json(self) -> dict[str, Any]:
        """Return the finding as JSON-serialisable data, its names made printable."""
        return {
            "check": self.check,
            "severity": self.severity,
            "message": self.message,
            "paths": [printable(path) for path in self.paths],
            "fix": self.fix,
        }


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What a reader found: the fields of a `Dataset` before it is one."""

    rows: tuple[Row, ...]
    classes: tuple[str, ...]
    task: Task = "multi_class"
    root: Path | None = None
    notices: tuple[Finding, ...] = ()


def misfits(listing: Listing) -> Iterator[str]:
    """Yield what keeps a listing from being a dataset."""
    known = set(listing.classes)
    if listing.classes != tuple(sorted(known)):
        yield "classes are not distinct and in order of name"
    if len({row.name for row in listing.rows}) != len(listing.rows):
        yield "two rows have the same name"
    for row in listing.rows:
        if not known.issuperset(row.labels) or len(set(row.labels)) != len(row.labels):
            yield f"{printable(row.name)} has the labels {row.labels!a}"
        elif listing.task == "multi_class" and len(row.labels) != 1:
            yield f"{printable(row.name)} has {counted(len(row.labels), 'label')}"
        elif row.split not in (None, *SPLITS):
            yield f"{printable(row.name)} is in the split {row.split!a}"


def listed(names: Iterable[str], *, shown: int = SHOWN) -> str:
    """Return names one per line, indented and printable: the first `shown` and a count."""
    every = list(names)
    lines = [f"  {printable(name)}" for name in every[:shown]]
    if len(every) > shown:
        lines.append(f"  … and {len(every) - shown} more")
    return "\n".join(lines)


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return `"1 image"`, `"2 images"`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def refusal(findings: Sequence[Finding], *, expected: str | None = None) -> DataError:
    """Return the one error for `findings`, naming everything they concern (first 20 and count)."""
    parts = []
    for finding in findings:
        names = listed(finding.paths)
        parts.append(f"{finding.message}\n{names}" if names else finding.message)
    fixes = dict.fromkeys(finding.fix for finding in findings if finding.fix)
    return DataError(
        "\n".join(parts),
        expected=expected,
        fix="; ".join(fixes) or None,
        code=findings[0].check,
        details={"findings": [finding.to_json() for finding in findings]},
    )

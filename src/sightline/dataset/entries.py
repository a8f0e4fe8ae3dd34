"""One line of a manifest before anything is believed about it, and what is wrong with lines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sightline.dataset.labels import SEPARATOR
from sightline.dataset.records import SPLITS
from sightline.errors import did_you_mean

REQUIRED = ("path", "label")
KNOWN = (*REQUIRED, "split", "group", "sha256")
_SPLIT_WORDS: Mapping[str, str] = {
    **{name: name for name in SPLITS},
    "val": "validation",
    "valid": "validation",
}
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one line says, as text."""

    line: int
    path: str
    labels: tuple[str, ...]
    split: str | None = None
    group: str | None = None
    sha256: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with one line. `check` is the word that findings use."""

    line: int
    check: str
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}"


class LineError(ValueError):
    """One line cannot become an entry."""

    def __init__(self, check: str, text: str) -> None:
        super().__init__(text)
        self.check = check
        self.text = text


def split_labels(text: str) -> tuple[str, ...]:
    """Return the labels of a text cell: separated by `|`, surrounding spaces dropped.

    Raises:
        LineError: A label is empty between two separators, or stands twice.
    """
    if not text.strip():
        return ()
    return checked_labels(tuple(part.strip() for part in text.split(SEPARATOR)))


def checked_labels(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return `labels` if each is a usable name and none stands twice.

    Raises:
        LineError: One is empty, stands twice, holds a line break, or is not UTF-8.
    """
    if "" in labels:
        raise LineError("bad_label", f"an empty label in {labels!a}")
    if len(set(labels)) != len(labels):
        raise LineError("bad_label", f"a label stands twice in {labels!a}")
    for label in labels:
        if "\n" in label or "\r" in label:
            raise LineError("bad_label", f"a line break in the label {label[:40]!a}")
        if any("\ud800" <= letter <= "\udfff" for letter in label):
            raise LineError("bad_label", f"the label {label!a} is not UTF-8")
    return labels


def checked_split(text: str) -> str:
    """Return the split that a word names.

    Raises:
        LineError: It names none.
    """
    word = text.strip().casefold()
    if word not in _SPLIT_WORDS:
        near = did_you_mean(word, _SPLIT_WORDS)
        raise LineError("unknown_split", f"unknown split {text!a}, not {', '.join(SPLITS)}.{near}")
    return _SPLIT_WORDS[word]


def checked_sha256(text: str) -> str:
    """Return a digest in lower case.

    Raises:
        LineError: It is not 64 hexadecimal digits.
    """
    digest = text.strip().lower()
    if not _SHA256.fullmatch(digest):
        raise LineError("bad_sha256", f"{text[:80]!a} is not a SHA-256 in hexadecimal")
    return digest

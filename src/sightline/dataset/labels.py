"""Class names: one spelling, and no two that a person would take for the same."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable

from sightline.dataset.records import Finding
from sightline.files import printable

SEPARATOR = "|"
"""Stands between the labels of one image in a manifest."""


def clean_label(text: str) -> str:
    """Return `text` as a class name: Unicode form NFC, controls and undecodable bytes escaped.

    Labels travel in bundles, CSV files and terminals, where raw bytes of a folder's name cannot.
    """
    return printable(unicodedata.normalize("NFC", text))


def twin_labels(names: Iterable[str]) -> tuple[Finding, ...]:
    """Return an error for each set of raw names that differ only in case, Unicode form or spaces.

    Args:
        names: Class names as they were read, before `clean_label`.
    """
    alike: dict[str, set[str]] = defaultdict(set)
    for name in names:
        alike[clean_label(name).casefold().strip()].add(name)
    return tuple(
        Finding(
            check="label_twins",
            severity="error",
            message="Class names that differ only in case, Unicode form or spaces: "
            + ", ".join(ascii(name) for name in sorted(twins))
            + ".",
            paths=tuple(sorted(twins)),
            fix="rename one so that they are equal, or clearly different",
        )
        for _, twins in sorted(alike.items())
        if len(twins) > 1
    )


def one_class(counts: dict[str, int], where: str) -> tuple[Finding, ...]:
    """Return an error if there is nothing to tell apart.

    Args:
        counts: Images per class.
        where: The data, for the message.
    """
    if len(counts) > 1:
        return ()
    found = ", ".join(f"{name} ({count:,})" for name, count in counts.items()) or "none"
    return (
        Finding(
            check="one_class",
            severity="error",
            message=f"A classifier needs at least 2 classes, found {found} in {printable(where)}.",
            fix="add a folder or label for each class; if the class folders lie one folder deeper, "
            "name that folder; to measure on one class only, go on with `--allow one_class`",
        ),
    )

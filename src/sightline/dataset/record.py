"""The data on record: what a bundle keeps of the images it was made from, and their fingerprint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sightline.dataset.content import Content
from sightline.dataset.records import Listing, Row, counted
from sightline.errors import ConfigError
from sightline.files import canonical_json, sha256_bytes


class RecordRow(NamedTuple):
    """One image on record: its content, not its place, is what is known again.

    A validation image either chose the model, or calibrated it (`calibrates`).
    """

    digest: str
    labels: tuple[str, ...]
    group: str | None
    split: str | None
    name: str
    calibrates: bool = False


def aligned(rows: Sequence[Row], contents: Sequence[Content]) -> Iterator[tuple[Row, Content]]:
    """Return the pairs of rows and contents.

    Raises:
        ConfigError: There are not as many of each: the contents are of another dataset.
    """
    if len(rows) != len(contents):
        raise ConfigError(
            f"{counted(len(contents), 'content')} for {counted(len(rows), 'row')}.",
            expected="what contents() of the same dataset gave",
            fix="call contents() again; the index remembers what was read",
            code="not_aligned",
        )
    return zip(rows, contents, strict=True)


def record_rows(rows: Iterable[Row], contents: Sequence[Content]) -> list[RecordRow]:
    """Return what a bundle keeps of the data it was made from, one row for each image.

    Args:
        rows: A `Dataset`, or its rows.
        contents: Aligned with the rows.
    """
    return [
        RecordRow(content.digest, row.labels, row.group, row.split, row.name)
        for row, content in aligned(tuple(rows), contents)
    ]


def fingerprint_of(listing: Listing, contents: Sequence[Content]) -> str:
    """Return a SHA-256 over digests, labels, groups, splits, classes and task, in no order."""
    rows = sorted(
        [content.digest, sorted(row.labels), row.group or "", row.split or ""]
        for row, content in aligned(listing.rows, contents)
    )
    value = {"task": listing.task, "classes": listing.classes, "rows": rows}
    return sha256_bytes(canonical_json(value).encode())


def splits_on_record(record: Iterable[RecordRow]) -> dict[str, str]:
    """Return the split of each digest; where copies stand in several, train counts."""
    known: dict[str, str] = {}
    for row in record:
        if row.split and known.get(row.digest) != "train":
            known[row.digest] = row.split
    return known

"""A PNG named .jpg is still a PNG: the content decides here, but other programs may stumble."""

from __future__ import annotations

from collections.abc import Iterator

from sightline.auditing.check import Check, Evidence
from sightline.dataset import Finding
from sightline.dataset.records import counted
from sightline.images import promised_format


def find_wrong_extensions(evidence: Evidence) -> Iterator[Finding]:
    """Yield a warning that lists images of another format than their names promise."""
    names = tuple(
        row.name
        for row, content in evidence.pairs
        if content.header is not None
        if promised_format(row.name) not in (None, content.header.format)
    )
    if names:
        yield Finding(
            check=WRONG_EXTENSION.name,
            severity="warning",
            message=f"{counted(len(names), 'image')} of another format than the name says; "
            "the content decides.",
            paths=names,
            fix="nothing, or rename them for other programs",
        )


WRONG_EXTENSION = Check(
    name="wrong_extension",
    title="images of another format than their name says",
    find=find_wrong_extensions,
)

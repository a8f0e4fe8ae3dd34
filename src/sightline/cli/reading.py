"""From the words `DATA --allow CHECK` to images that are read: what judging commands begin with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sightline.auditing.gate import check_words
from sightline.cli.console import Console
from sightline.cli.findings import tell_findings
from sightline.dataset import Content, Dataset


def read_images(
    console: Console, data: Path, allow: Sequence[str] | None
) -> tuple[Dataset, tuple[Content, ...]]:
    """Return the images and their contents, having told what was found while listing them."""
    check_words(allow or (), ())
    dataset = Dataset.open(data, allow=allow or ())
    tell_findings(console, dataset.notices)
    with console.progress("Reading images") as progress:
        return dataset, dataset.contents(progress=progress)

"""The second proof: what an export that decodes files makes of them, against ours.

Apart from the proof on pixels: the export's own network answers on both sides, so that nothing but
decoding and resizing can differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from sightline.inference.exported import READERS, ExportRunner, open_reader
from sightline.verification import (
    FilesProof,
    FilesTolerance,
    compare_files,
    require_files,
    runner_reader,
)

Files = Callable[[], Iterable[tuple[str, bytes]]]
"""Gives the name and the content of real image files, one after the other, at each call."""

ALLOWED: Mapping[str, FilesTolerance] = {
    "saved_model": FilesTolerance(levels=16, mean_levels=0.5, difference=0.1, agreement=0.99),
    "web": FilesTolerance(levels=48, mean_levels=0.7, difference=0.06, agreement=0.99),
}
"""How far each format's own decoder may be from ours. One level has moved a probability by 0.06;
ours scales large JPEG files while it decodes, which browsers cannot. Another resize is off by up to
99 levels, another order of channels by 255."""


def prove_files(runner: ExportRunner, path: Path, files: Files) -> FilesProof | None:
    """Compare how an export reads files with how its runner is given them.

    Args:
        runner: Runs the export.
        path: Where it stands.
        files: Real image files.

    Returns:
        None for a format that takes pixels only.

    Raises:
        CheckFailedError: They read files otherwise.
        MissingPackageError: What runs the format's own decoder is not installed.
    """
    name = runner.card.format
    if name not in READERS:
        return None
    with open_reader(name, path, runner.preprocessing) as reader:
        proof = compare_files(runner_reader(runner), reader, files(), tolerance=ALLOWED[name])
    require_files(proof, name=f"The {name} export in {runner.card.precision}")
    return proof

"""The second proof: what an export that decodes files makes of them, against ours.

Apart from the proof on pixels: the export's own network answers on both sides, so that nothing but
decoding and resizing can differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from sightline.exporting.formats import ExportFormat
from sightline.inference.exported import ExportRunner, open_reader
from sightline.verification import (
    FilesProof,
    answers,
    compare_files,
    require_files,
    runner_reader,
)

Files = Callable[[], Iterable[tuple[str, bytes]]]
"""Gives the name and the content of real image files, one after the other, at each call."""


def prove_files(
    form: ExportFormat, runner: ExportRunner, path: Path, files: Files, *, fix: str
) -> FilesProof | None:
    """Compare how an export reads files with how its runner is given them.

    Args:
        form: What the export is.
        runner: Runs it.
        path: Where it stands.
        files: Real image files.
        fix: What its user can do where it reads them otherwise.

    Returns:
        None for a format that takes pixels only.

    Raises:
        CheckFailedError: They read files otherwise.
        MissingPackageError: What runs the format's own decoder is not installed.
    """
    if form.reading is None:
        return None
    with open_reader(form.name, path, runner.preprocessing) as reader:
        proof = compare_files(
            runner_reader(runner),
            reader,
            files(),
            tolerance=form.reading,
            decide=lambda probabilities: answers(runner, probabilities)[0],
        )
    require_files(proof, name=f"The {form.name} export in {runner.card.precision}", fix=fix)
    return proof

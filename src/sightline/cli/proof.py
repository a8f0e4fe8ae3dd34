"""How an export and its proof are told: what `export` and `verify` say of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sightline.cli.console import Console
from sightline.errors import CheckFailedError
from sightline.exporting import ExportFormat
from sightline.files import printable
from sightline.reporting.comparison import verdict_line
from sightline.workflows.export import Exported, Proof
from sightline.workflows.qualifying import Choice, Tried

_WORST = 5
_SECOND = "The export"
_DISAGREES = "export_disagrees"


def _document(
    exported: Exported,
    form: ExportFormat,
    path: Path,
    choice: Choice | None = None,
    learned: Path | None = None,
) -> dict[str, Any]:
    """Return what was written as JSON (`reporting/schemas/export.json`)."""
    proof = exported.proof
    return {
        "schema": "export",
        "schema_version": "1.0",
        "saved": printable(path),
        "format": form.name,
        "precision": exported.export.card.precision,
        "bytes": exported.export.size,
        "source_bytes": exported.source_bytes,
        "verification": dict(exported.export.card.verification),
        "comparison": proof and proof.comparison.to_json(),
        "notes": list(exported.notes),
        "choice": choice and {**choice.to_json(), "learned": learned and printable(learned)},
    }


def tell_export(console: Console, exported: Exported, form: ExportFormat, path: Path) -> None:
    """Say what was written, and what the proof found."""
    if console.as_json:
        console.document(_document(exported, form, path))
    else:
        _tell_export(console, exported, path)


def _tell_export(console: Console, exported: Exported, path: Path) -> None:
    size, source = exported.export.size / 1e6, exported.source_bytes / 1e6
    console.line(f"saved {printable(path)} ({size:.1f} MB; the twin {source:.1f} MB)")
    for note in exported.notes:
        console.note(note)
    if exported.proof is None:
        console.warning("Not proven: --no-verify.")
        return
    for line in proof_lines(exported.proof):
        console.line(line)


def proof_lines(proof: Proof) -> tuple[str, ...]:
    """Return what was found, in a few lines."""
    found, comparison, files = proof.pixels, proof.comparison, proof.files
    read: tuple[str, ...] = ()
    if files is not None:
        read = (
            f"{files.n} files read by its own decoder: pixels within {files.levels} of 255, |Δp| "
            f"up to {files.max_difference:.2g}, the same answer for {files.agreement:.3f} of them",
        )
        if files.refused:
            read += (f"{len(files.refused)} more files were taken by one side only",)
    return (
        f"on {found.n} validation images: |Δp| up to {found.max_difference:.2g}, mean "
        f"{found.mean_difference:.2g}; the same answer for {found.agreement:.3f} of them",
        f"accuracy {comparison.before} before, {comparison.after} now. "
        f"{verdict_line(comparison, second=_SECOND)}",
        *read,
    )


def tell_choice(
    console: Console, choice: Choice, form: ExportFormat, path: Path, learned: Path | None
) -> None:
    """Say what was tried, what was chosen, and how the winner does where it was not selected.

    Args:
        console: Where.
        choice: What was found.
        form: What was exported to.
        path: Where the winner stands.
        learned: Where the model stands that it was made of; None where that is the one asked for.
    """
    exported = choice.exported
    if console.as_json:
        console.document(_document(exported, form, path, choice, learned))
        return
    columns = ["candidate", "MB", "ms", "same answers", "drop at most", "qualifies"]
    console.table(columns, [_row(one) for one in choice.tried], right=columns[1:5])
    console.note(_meaning(choice))
    for one in choice.tried:
        if one.refused is not None and one.refused.code != _DISAGREES:
            console.note(f"{one.name}: {one.refused.what}")
    if choice.losses:
        worst = ", ".join(f"{loss.layer.title} {loss.error:.2f}" for loss in choice.losses[:_WORST])
        console.line(f"layers that lose most in 8 bits (change of the logits): {worst}")
    console.line()
    console.line(f"chosen: {choice.chosen.name}")
    if learned is not None and choice.chosen.against is not None:
        console.line(
            f"made of {printable(learned)}, the model trained for 8 bits. Against the model as it "
            f"was: {verdict_line(choice.chosen.against, second=_SECOND)}"
        )
    _tell_export(console, exported, path)
    if choice.judged is None:
        console.note("No test images were given: the figures above come from those that selected.")
        return
    judged = choice.judged
    console.line(
        f"on {judged.n} test images, which did not select: {judged.before} before, {judged.after} "
        f"now. {verdict_line(judged, second=_SECOND)}"
    )


def _meaning(choice: Choice) -> str:
    first, last = choice.tried[0].confidence, choice.tried[-1].confidence
    words = f"Drop at most: with {first:.0%} confidence"
    if last != first:
        words += f", and {last:.0%} after training for 8 bits, which is a second attempt"
    return f"{words}. A way counts only if those above it do: the best of many may be luck."


def _row(one: Tried) -> list[str]:
    if one.exported is None or one.agreement is None:
        disagrees = one.refused is not None and one.refused.code == _DISAGREES
        failed = "refused" if isinstance(one.refused, CheckFailedError) else "cannot be made"
        words = "disagrees with its source" if disagrees else failed
        return [one.name, "", "", "", "", words]
    words = "yes" if one.qualified else "not shown"
    if one.shown and not one.qualified:
        words = "only if those above do"
    elif not one.qualified and one.needed is not None:
        words += f": {one.needed:,} images would"
    return [
        one.name,
        f"{one.exported.export.size / 1e6:.2f}",
        f"{one.milliseconds:.1f}",
        f"{one.agreement:.3f}",
        f"{one.limit:.3f}",
        words,
    ]

"""`verify`: is it the same? An export is held against its source, long after it was written.

The drawn pixels that travel with each export need nothing else; real images need the source and the
data that it was trained from, as when the export was made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sightline.errors import CheckFailedError, MachineError, MissingPackageError, ModelError
from sightline.exporting import FORMATS, ExportFormat, Precision, prove_files
from sightline.files import load_attribute, printable, sha256_bytes
from sightline.inference import LiteRTRunner
from sightline.inference.card import ExportCard, Place, read_card, read_card_tensors
from sightline.inference.exported import ExportRunner, open_export
from sightline.models.bundle import WEIGHTS, Bundle
from sightline.verification import (
    Verification,
    compare_drawn,
    compare_outputs,
    overridden,
    require_agreement,
)
from sightline.workflows.export import Images, Proof, check_accuracy, files_of


@dataclass(frozen=True, kw_only=True, eq=False)
class Verified:
    """What was found.

    Attributes:
        card: Of the export.
        golden: Its answers to the drawn pixels that travel with it, against those on record.
        proof: Against the source on real images; None where these were not given.
        notes: What its user has to know.
    """

    card: ExportCard
    golden: Verification
    proof: Proof | None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the figures (`reporting/schemas/verify.json`, but for paths)."""
        return {
            "format": self.card.format,
            "precision": self.card.precision,
            "golden": self.golden.to_json(),
            "verification": {} if self.proof is None else self.proof.to_json(),
            "comparison": self.proof and self.proof.comparison.to_json(),
            "notes": list(self.notes),
        }


def verify(
    export: Path,
    bundle: Bundle | None = None,
    images: Images | None = None,
    *,
    tolerance: float | None = None,
    trust: bool = False,
) -> Verified:
    """Run an export and compare.

    Args:
        export: Its path.
        bundle: The source.
        images: Of `workflows.export.find_images`; with the source.
        tolerance: The |Δp| allowed; by default what its format and precision allow.
        trust: Run an export that is a program (`inference.exported.open_export`).

    Raises:
        ModelError: The export cannot be run, or is of a precision that is not known.
        CheckFailedError: It disagrees.
    """
    card = read_card(export)
    form, precision = _found(card, export)
    _check_described(card, form, export)
    allowed, drawn = precision.allowed, precision.golden
    if tolerance is not None:
        allowed = overridden(allowed, tolerance)
        drawn = overridden(drawn, tolerance)
    name = f"{printable(export)} ({card.format}, {card.precision})"
    fix = _what_to_do(card, precision, tolerance)
    with open_export(export, trust=trust) as runner:
        golden = compare_drawn(runner, read_card_tensors(export), drawn)
        require_agreement(golden, name=f"{name}, on the drawn pixels that travel with it,", fix=fix)
        if bundle is None or images is None:
            return Verified(card=card, golden=golden, proof=None)
        source = LiteRTRunner(bundle)
        _check_same(source, runner, name)
        if not precision.recalibrated:
            _check_same_rules(bundle, runner, name)
        answers = source.run(images.pixels), runner.run(images.pixels)
        found = compare_outputs((source, runner), answers, tolerance=allowed)
        require_agreement(found, name=name, fix=fix)
        proof = Proof.of(found, (source, runner), answers, images)
        check_accuracy(proof.comparison, precision, name)
        notes = _notes(card, bundle)
        try:
            files = prove_files(form, runner, export, files_of(images), fix=fix)
            proof = replace(proof, files=files)
        except (MachineError, MissingPackageError) as error:
            notes += (f"How it reads files could not be compared: {error.what}",)
    return Verified(card=card, golden=golden, proof=proof, notes=notes)


def check_source(card: ExportCard, bundle: Bundle, export: str, model: str) -> None:
    """Refuse a model that the export cannot have been made of, before images are read.

    One of the same classes passes: the export may have been made of an earlier state of it.

    Args:
        card: The export's.
        bundle: The model.
        export: What the export is called.
        model: What the model is called.

    Raises:
        CheckFailedError: It has other weights and other classes.
    """
    same_weights = card.source == sha256_bytes(bundle.members[WEIGHTS])
    if not same_weights and card.classes != bundle.classes:
        raise CheckFailedError(
            f"{export} was not made of {model}, which has other weights and other classes.",
            expected="the .sightline file that the export was made of",
            fix="name that: --against MODEL",
            code="other_source",
        )


def _found(card: ExportCard, export: Path) -> tuple[ExportFormat, Precision]:
    form = FORMATS.get(card.format)
    precision = None if form is None else form.precisions.get(card.precision)
    if form is None or precision is None:
        raise ModelError(
            f"{printable(export)} is {card.format} in {card.precision}, which is not known here.",
            fix="upgrade Sightline: pip install --upgrade sightline",
            code="bad_export",
        )
    return form, precision


def _check_described(card: ExportCard, form: ExportFormat, export: Path) -> None:
    """Refuse a card that says other than the file itself, which other programs read.

    Raises:
        ModelError: It does.
    """
    if form.described is None:
        return
    place = Place.of(export)
    files = {name: place.member(name).read_bytes() for name in card.files}
    told = load_attribute(form.described)(files)
    if told is None or json.loads(told) != json.loads(json.dumps(card.description())):
        raise ModelError(
            f"The card of {printable(export)} says other than the file says of itself.",
            expected="a card and a file that were written together",
            fix="copy all of its files together, or export again",
            code="bad_export",
        )


def _what_to_do(card: ExportCard, precision: Precision, tolerance: float | None) -> str:
    """Return what to do about an export that disagrees.

    Its card may say that it was written with another tolerance. That is told, not taken: whoever
    changes an export can change its card.
    """
    words = "do not use it; export again from the source"
    pixels = card.verification.get("pixels")
    written = pixels.get("tolerance") if isinstance(pixels, Mapping) else None
    if tolerance is None and isinstance(written, float) and written > precision.allowed.difference:
        words = f"it was written with --tolerance {written:g}: give the same, or export again"
    return words


def _check_same(source: LiteRTRunner, runner: ExportRunner, name: str) -> None:
    if (source.classes, source.task) != (runner.classes, runner.task):
        raise CheckFailedError(
            f"{name} and its source do not answer with the same classes in the same order.",
            expected="the bundle that the export was made of",
            fix="name that bundle: --against MODEL",
            code="export_disagrees",
        )
    if source.preprocessing != runner.preprocessing:
        raise CheckFailedError(
            f"{name} and its source take other pixels: {runner.preprocessing} and "
            f"{source.preprocessing}.",
            expected="the bundle that the export was made of",
            fix="name that bundle: --against MODEL",
            code="export_disagrees",
        )


def _check_same_rules(bundle: Bundle, runner: ExportRunner, name: str) -> None:
    """Refuse an export that decides otherwise; in 8 bits it has rules of its own."""
    own = np.array(runner.card.temperature)
    if runner.rules != bundle.rules or not np.allclose(own, bundle.temperature(), rtol=1e-6):
        raise CheckFailedError(
            f"{name} and its source have other rules, or another temperature.",
            expected="those of the bundle that the export was made of",
            fix="export again, if `sightline decide` has changed the model since",
            code="export_disagrees",
        )


def _notes(card: ExportCard, bundle: Bundle) -> tuple[str, ...]:
    if card.source == sha256_bytes(bundle.members[WEIGHTS]):
        return ()
    return ("The export was made of other weights than those of this model.",)

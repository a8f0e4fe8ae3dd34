"""`export`: a bundle becomes a file for another runtime, proven on the images that it held out.

The proof is made on validation images, known by content: the test images stay sealed, and what was
trained on would agree too easily.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

import numpy as np

from sightline.dataset import Content, Dataset, Row
from sightline.dataset.record import splits_on_record
from sightline.errors import CheckFailedError, ConfigError, DataError
from sightline.evaluation import Comparison, Groups, compare
from sightline.exporting import (
    Export,
    ExportFormat,
    Files,
    HeldOutImages,
    Material,
    Precision,
    Samples,
    export_bundle,
)
from sightline.images import Preprocessing, load
from sightline.inference import Outputs, Runner, predictions_of
from sightline.models.bundle import Bundle
from sightline.verification import FilesProof, Verification
from sightline.workflows.evaluate import once

MOST_COMPARED = 1000
"""Validation images that the proof is made on, evenly from all of them."""
_FEWEST_TO_REFIT = 20
_MOST_TOLD = 20
_AT_ONCE = 64
"""Images in memory at one time, of those that may be any number."""
_MOST_FILES = 200
"""Image files that the second proof is made on: a browser takes its time."""
_MORE_BITS = "take a precision of more bits, or --quantize auto"


@dataclass(frozen=True, kw_only=True, eq=False)
class Images:
    """Images on record that an export is made and proven with.

    Attributes:
        rows: Validation images.
        digests: SHA-256 of each.
        pixels: Theirs, uint8 (n, height, width, channels).
        samples: Training images.
        held_out: Those that calibrated the model, where the precision is calibrated anew.
    """

    rows: tuple[Row, ...]
    digests: tuple[str, ...]
    pixels: np.ndarray
    samples: tuple[Row, ...] = ()
    held_out: HeldOutImages | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Proof:
    """What was found when a model was held against its source, on the same images.

    Attributes:
        pixels: How far their outputs are apart.
        comparison: What became of the answers, and of the accuracy.
        differing: SHA-256 of images whose answer differs, at most twenty.
        files: How the export reads files, where it decodes them itself.
    """

    pixels: Verification
    comparison: Comparison
    differing: tuple[str, ...]
    files: FilesProof | None = None

    @classmethod
    def of(
        cls, pixels: Verification, runners: tuple[Runner, Runner], answers: Answers, images: Images
    ) -> Proof:
        """Return what the outputs of source and export, for the same images, say.

        Args:
            pixels: How far they are apart.
            runners: The source and the export.
            answers: Their outputs.
            images: What they were asked about.
        """
        comparison, other = compared(runners, answers, images)
        return cls(
            pixels=pixels,
            comparison=comparison,
            differing=tuple(images.digests[row] for row in other[:_MOST_TOLD]),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the figures, as the card of an export has them."""
        found = self.comparison
        return {
            "pixels": self.pixels.to_json(),
            "accuracy": {
                "source": found.before.to_json(),
                "export": found.after.to_json(),
                "gain": found.gain.to_json(),
            },
            "differing": list(self.differing),
            "files": self.files and self.files.to_json(),
        }


Answers = tuple[Outputs, Outputs]


def compared(
    runners: tuple[Runner, Runner], answers: Answers, images: Images
) -> tuple[Comparison, np.ndarray]:
    """Return what became of answers and accuracy, and which images are answered in another way.

    Args:
        runners: Before and after.
        answers: Their outputs.
        images: What they were asked about.
    """
    names = [row.name for row in images.rows]
    groups: Groups = [row.group for row in images.rows]
    before, after = (
        predictions_of(runner, names, outputs)
        for runner, outputs in zip(runners, answers, strict=True)
    )
    labels = [row.labels for row in images.rows]
    other = np.flatnonzero((before.chosen != after.chosen).any(axis=1))
    return compare(before, after, labels, groups=groups), other


@dataclass(frozen=True, kw_only=True, eq=False)
class Exported:
    """An export and what is known of it.

    Attributes:
        export: Ready to be written, proven unless that was waived.
        proof: Against the bundle's twin; `None` where it was waived.
        source_bytes: Size of the twin.
        notes: What its user has to know.
    """

    export: Export
    proof: Proof | None
    source_bytes: int
    notes: tuple[str, ...] = ()


def find_images(
    bundle: Bundle,
    dataset: Dataset,
    contents: Sequence[Content],
    precision: Precision | None = None,
    *,
    most_samples: int | None = None,
) -> Images:
    """Return the images that the bundle's record has, as far as they are needed.

    Args:
        bundle: The model.
        dataset: The images given now.
        contents: Theirs, aligned with its rows.
        precision: Of the export to be made; None where there is one already.
        most_samples: Training images wanted; by default what the precision needs.

    Raises:
        DataError: No validation image is among them, or no training image where one is needed.
    """
    record = bundle.record()
    known = splits_on_record(record)
    digests = [content.digest for content in contents]
    parts = [known.get(digest) for digest in digests]

    def rows_of(split: str) -> list[int]:
        # A copy beyond those on record is no further image.
        which = once(dataset, contents, [part == split for part in parts], [record])
        return list(compress(range(len(parts)), which))

    wanted = most_samples
    if wanted is None:
        wanted = 0 if precision is None else precision.samples_for(bundle.architecture)
    judging = rows_of("validation")
    places = np.linspace(0, len(judging) - 1, min(MOST_COMPARED, len(judging))).round().astype(int)
    chosen = [judging[place] for place in places]
    # By content: rows come class by class, and fewer samples are then the first of more.
    samples = sorted(rows_of("train"), key=lambda row: digests[row])[:wanted]
    needless = not wanted or (precision is not None and precision.without_samples)
    for found, name in ((chosen, "validation"), (samples or needless, "train")):
        if not found:
            raise DataError(
                f"None of the images given are {name} images of this model.",
                expected="the images that the model was trained from, known by content",
                fix="give the folder that the model was trained from",
                code="nothing_to_verify",
            )
    given = dict(zip(digests, dataset.rows, strict=True))
    return Images(
        rows=tuple(dataset.rows[row] for row in chosen),
        digests=tuple(digests[row] for row in chosen),
        pixels=_pixels([dataset.rows[row] for row in chosen], bundle.preprocessing),
        samples=tuple(dataset.rows[row] for row in samples),
        held_out=_held_out(bundle, given) if precision and precision.recalibrated else None,
    )


def most_demanding(precisions: Iterable[Precision]) -> Precision:
    """Return the one whose images do for all others."""
    return max(precisions, key=lambda one: (not one.without_samples, one.samples, one.recalibrated))


def _held_out(bundle: Bundle, given: Mapping[str, Row]) -> HeldOutImages | None:
    held_out = bundle.held_out()
    if held_out is None:
        return None
    asked = [bytes(digest).hex() for digest in held_out.digests]
    rows = [row for row, digest in enumerate(asked) if digest in given]
    if len(rows) < _FEWEST_TO_REFIT:
        return None
    parts = [rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE)]
    return HeldOutImages(
        rows=np.array(rows),
        pixels=lambda: (
            _pixels([given[asked[row]] for row in part], bundle.preprocessing) for part in parts
        ),
    )


def _pixels(rows: Sequence[Row], preprocessing: Preprocessing) -> np.ndarray:
    return np.stack([load(row.source, preprocessing).pixels for row in rows])


def export(
    bundle: Bundle,
    form: ExportFormat,
    precision: Precision,
    images: Images | None,
    *,
    verify: bool = True,
    tolerance: float | None = None,
) -> Exported:
    """Convert, run, compare.

    Args:
        bundle: The model.
        form: What to convert it to.
        precision: One of the format's.
        images: Of `find_images`; `None` where there are none.
        verify: Whether it has to be proven.
        tolerance: The |Δp| that is allowed; by default what the precision allows.

    Raises:
        ConfigError: The precision or the proof needs images, and there are none.
        CheckFailedError: The export disagrees with its source, or is shown to answer worse.
        ModelError, MissingPackageError: As `exporting.export_bundle`.
    """
    needed = not precision.without_samples and bool(precision.samples_for(bundle.architecture))
    if images is None and (needed or verify):
        raise _no_images(precision, needed)
    material = Material()
    if images is not None:
        material = Material(
            pixels=images.pixels if verify else None,
            samples=samples_of(images.samples, bundle.preprocessing) if images.samples else None,
            files=files_of(images) if verify else None,
            held_out=images.held_out if precision.recalibrated else None,
            tolerance=tolerance,
        )
    made = export_bundle(bundle, form, precision, material)
    exported = with_proof(bundle, made, precision, material, images)
    if exported.proof is not None:
        check_accuracy(
            exported.proof.comparison,
            precision,
            f"The {form.name} export in {precision.name}",
            fix=f"nothing was written; {_MORE_BITS}",
        )
    return exported


def with_proof(
    bundle: Bundle,
    made: Export,
    precision: Precision,
    material: Material,
    images: Images | None,
) -> Exported:
    """Return an export with what the labels of the images say of it, which its card then has too.

    Args:
        bundle: The model.
        made: Of it.
        precision: The export's.
        material: What it was made and proven with.
        images: Those of `material`, with their labels.
    """
    proof = None
    if images is not None and made.proven is not None:
        proven = made.proven
        proof = Proof.of(proven.verification, proven.runners, proven.answers, images)
        proof = replace(proof, files=proven.files)
        made = replace(made, card=replace(made.card, verification=proof.to_json()))
    return Exported(
        export=made,
        proof=proof,
        source_bytes=len(bundle.twin()),
        notes=_notes_on(bundle, made, precision, material),
    )


def files_of(images: Images) -> Files:
    """Return what gives the image files that the proof on files is made on."""
    count = min(_MOST_FILES, len(images.rows))
    places = np.linspace(0, len(images.rows) - 1, count).round().astype(int)
    return lambda: ((images.digests[row], images.rows[row].source.read()) for row in places)


def check_accuracy(
    comparison: Comparison, precision: Precision, name: str, *, fix: str = _MORE_BITS
) -> None:
    """Refuse an export that is shown, and not by chance, to answer worse than it may.

    Args:
        comparison: Of the source and the export.
        precision: The export's.
        name: Of the export, for the error.
        fix: What its user can do.

    Raises:
        CheckFailedError: The whole interval of the paired difference lies below what is allowed.
    """
    if comparison.gain.high < -precision.drop:
        raise CheckFailedError(
            f"{name} loses accuracy: {comparison.before} before, "
            f"{comparison.after} now, a difference of {comparison.gain}.",
            expected=f"no drop of more than {precision.drop:g} that the images can show",
            fix=fix,
            code="export_disagrees",
        )


def _notes_on(
    bundle: Bundle, made: Export, precision: Precision, material: Material
) -> tuple[str, ...]:
    """Return what the user of an export has to know."""
    notes = []
    if made.proven is not None and made.proven.unread:
        notes.append(f"How it reads files could not be compared: {made.proven.unread}")
    if made.unfulfilled:
        notes.append(f"What was wished for of the source cannot be had of it: {made.unfulfilled}")
    if precision.without_samples and material.samples is None:
        notes.append(f"{precision.name} is nearer to its source with training images.")
    if precision.recalibrated and material.held_out is None:
        words = "Temperature and rules are those of the source"
        why = "too few of the images that calibrated it are here"
        if bundle.held_out() is None:
            why = "no image calibrated it"
        notes.append(f"{words}: {why}.")
    if material.held_out is not None:
        known, used = bundle.held_out(), len(material.held_out.rows)
        if known is not None and used < len(known.logits):
            notes.append(
                f"Temperature and rules were chosen on {used} of {len(known.logits)} images that "
                "calibrated the model: the others are not here."
            )
    return tuple(notes)


def samples_of(rows: Sequence[Row], preprocessing: Preprocessing) -> Samples:
    """Return what gives the pixels of images, one after the other, at each call."""
    return lambda: (load(row.source, preprocessing).pixels for row in rows)


def _no_images(precision: Precision, needed: bool) -> ConfigError:
    if needed:
        what = f"{precision.name} needs training images, to see which values occur."
    else:
        what = "An export is proven on real images, and none were given."
    return ConfigError(
        what,
        expected="the data that the model was trained from",
        fix="name it after the model: sightline export MODEL DATA --save ...",
        code="no_samples" if needed else "no_data",
    )

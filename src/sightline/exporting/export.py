"""One call from a bundle to an export that was run, compared and only then written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from safetensors.numpy import save as save_tensors

from sightline.exporting.formats import Converted, ExportFormat, Precision, Samples
from sightline.files import load_attribute, pretty_json, sha256_bytes, write_bytes, write_text
from sightline.inference import LiteRTRunner, Outputs
from sightline.inference.card import REFERENCE, ExportCard, card_path, tensors_path
from sightline.inference.exported import GRAPHS, ExportRunner
from sightline.models.bundle import WEIGHTS, Bundle
from sightline.verification import Verification, compare_outputs, require_agreement


@dataclass(frozen=True, kw_only=True)
class Export:
    """An export in memory, proven and ready to be written.

    Attributes:
        content: The file's bytes.
        card: What is known of it.
        tensors: The arrays beside it.
        runner: Runs it.
        verification: How it compares with its source; `None` where that was waived.
        answers: What the source and the export gave for the pixels; `None` likewise.
    """

    content: bytes
    card: ExportCard
    tensors: bytes
    runner: ExportRunner
    verification: Verification | None = None
    answers: tuple[Outputs, Outputs] | None = None

    def write(self, path: Path) -> None:
        """Write the export, its arrays and its card; the card, which vouches for it, last.

        Raises:
            MachineError: One of them cannot be written.
        """
        write_bytes(path, self.content)
        write_bytes(tensors_path(path), self.tensors)
        write_text(card_path(path), pretty_json(self.card.to_json()))


def export_bundle(
    bundle: Bundle,
    form: ExportFormat,
    precision: Precision,
    *,
    pixels: np.ndarray | None,
    samples: Samples | None = None,
) -> Export:
    """Convert a bundle, run the result in its own runtime, and compare it with its source.

    Args:
        bundle: The model.
        form: What to convert it to.
        precision: One of the format's.
        pixels: Real images to compare on, uint8 (n, height, width, channels); `None` waives the
            proof, and the record says so.
        samples: Gives training images, for a precision that needs them.

    Raises:
        CheckFailedError: The export disagrees with its source.
        MissingPackageError: What converts or runs it is not installed.
        ModelError: The network cannot be converted.
    """
    converted = load_attribute(form.convert)(bundle, precision, samples)
    card = _card(bundle, converted, form, precision)
    graph = load_attribute(GRAPHS[form.name])(converted.content, converted.outputs)
    held_out = bundle.held_out()
    runner = ExportRunner(card, graph, None if held_out is None else held_out.familiarity)
    made = Export(content=converted.content, card=card, tensors=_tensors(bundle), runner=runner)
    if pixels is None:
        return made
    source = LiteRTRunner(bundle)
    expected, given = source.run(pixels), runner.run(pixels)
    verification = compare_outputs(source, expected, given, tolerance=precision.allowed)
    require_agreement(verification, name=f"The {form.name} export in {precision.name}")
    return replace(
        made,
        card=replace(card, verification=verification.to_json()),
        verification=verification,
        answers=(expected, given),
    )


def _card(
    bundle: Bundle, converted: Converted, form: ExportFormat, precision: Precision
) -> ExportCard:
    return ExportCard(
        format=form.name,
        precision=precision.name,
        classes=bundle.classes,
        task=bundle.architecture.task,
        preprocessing=bundle.preprocessing,
        rules=bundle.rules,
        temperature=tuple(np.atleast_1d(bundle.temperature()).tolist()),
        outputs=converted.outputs,
        sha256=sha256_bytes(converted.content),
        source=sha256_bytes(bundle.members[WEIGHTS]),
    )


def _tensors(bundle: Bundle) -> bytes:
    """Return the golden vectors, and the embeddings that tell what is unlike the training data."""
    arrays = bundle.golden_tensors()
    held_out = bundle.held_out()
    if held_out is not None and held_out.familiarity is not None:
        arrays[REFERENCE] = held_out.familiarity.reference
    return save_tensors(arrays)

"""One call from a bundle to an export that was run, compared and only then written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from safetensors.numpy import save as save_tensors

from sightline.exporting.formats import Converted, ExportFormat, Precision
from sightline.files import load_attribute, pretty_json, sha256_bytes, write_bytes, write_text
from sightline.inference import LiteRTRunner
from sightline.inference.card import REFERENCE, ExportCard, card_path, tensors_path
from sightline.inference.exported import GRAPHS, ExportRunner
from sightline.models.bundle import WEIGHTS, Bundle
from sightline.verification import Tolerance, Verification, compare_runners, require_agreement

Samples = Callable[[], Iterable[np.ndarray]]


@dataclass(frozen=True, kw_only=True)
class Export:
    """An export in memory, proven and ready to be written.

    Attributes:
        content: The file's bytes.
        card: What is known of it.
        tensors: The arrays beside it.
        runner: Runs it.
        verification: How it compares with its source; `None` where that was waived.
    """

    content: bytes
    card: ExportCard
    tensors: bytes
    runner: ExportRunner
    verification: Verification | None

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
    source = LiteRTRunner(bundle)
    runner = _runner(bundle, converted, form, precision)
    verification = None
    if pixels is not None:
        verification = compare_runners(
            source,
            runner,
            pixels,
            tolerance=Tolerance(
                difference=precision.tolerance,
                relative=precision.relative,
                agreement=precision.agreement,
            ),
        )
        require_agreement(verification, name=f"The {form.name} export in {precision.name}")
        runner.card = replace(runner.card, verification=verification.to_json())
    return Export(
        content=converted.content,
        card=runner.card,
        tensors=_tensors(bundle),
        runner=runner,
        verification=verification,
    )


def _runner(
    bundle: Bundle, converted: Converted, form: ExportFormat, precision: Precision
) -> ExportRunner:
    card = ExportCard(
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
    graph = load_attribute(GRAPHS[form.name])(converted.content, converted.outputs)
    held_out = bundle.held_out()
    return ExportRunner(card, graph, None if held_out is None else held_out.familiarity)


def _tensors(bundle: Bundle) -> bytes:
    """Return the golden vectors, and the embeddings that tell what is unlike the training data."""
    arrays = bundle.golden_tensors()
    held_out = bundle.held_out()
    if held_out is not None and held_out.familiarity is not None:
        arrays[REFERENCE] = held_out.familiarity.reference
    return save_tensors(arrays)

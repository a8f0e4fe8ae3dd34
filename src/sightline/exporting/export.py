"""One call from a bundle to an export that was run, compared and only then written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from safetensors.numpy import save as save_tensors

from sightline.exporting.formats import Converted, ExportFormat, Precision, Samples
from sightline.exporting.refit import HeldOutImages, refit
from sightline.files import (
    load_attribute,
    pretty_json,
    sha256_bytes,
    write_bytes,
    write_folder,
    write_text,
)
from sightline.inference import LiteRTRunner, Outputs, Runner
from sightline.inference.card import IN_FOLDER, REFERENCE, ExportCard, Place
from sightline.inference.exported import ExportRunner, open_graph
from sightline.models.bundle import WEIGHTS, Bundle
from sightline.verification import Tolerance, Verification, compare_outputs, require_agreement


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """Real images that an export is made and proven with.

    Attributes:
        pixels: To compare on, uint8 (n, height, width, channels); None waives the proof, and the
            record says so.
        samples: Gives training images, for a precision that needs them.
        held_out: Those that calibrated the model, for a precision that is calibrated anew.
        allowed: How far the export may be from its source; by default what its precision allows.
    """

    pixels: np.ndarray | None = None
    samples: Samples | None = None
    held_out: HeldOutImages | None = None
    allowed: Tolerance | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Proven:
    """What the proof of an export was made of.

    Attributes:
        runners: The source and the export; what they are known by, not to be run any more.
        answers: What they gave for the pixels.
        verification: How far apart that is.
    """

    runners: tuple[Runner, Runner]
    answers: tuple[Outputs, Outputs]
    verification: Verification


@dataclass(frozen=True, kw_only=True, eq=False)
class Export:
    """An export in memory, proven and ready to be written.

    Attributes:
        files: Content of each of its files, by name for `inference.card.Place.member`.
        card: What is known of it.
        tensors: The arrays that go with it.
        folder: Whether it is a folder.
        proven: How it compares with its source; `None` where that was waived.
    """

    files: Mapping[str, bytes]
    card: ExportCard
    tensors: bytes
    folder: bool
    proven: Proven | None = None

    @property
    def size(self) -> int:
        """Bytes of its files, card and arrays not counted."""
        return sum(map(len, self.files.values()))

    def write(self, path: Path) -> None:
        """Write files, arrays and card: a folder at once; else the card, which vouches, last.

        Raises:
            MachineError: One of them cannot be written.
        """
        card = pretty_json(self.card.to_json())
        if self.folder:
            own = {f"{IN_FOLDER}.json": card.encode(), f"{IN_FOLDER}.safetensors": self.tensors}
            write_folder(path, {**self.files, **own})
            return
        place = Place(path, folder=False)
        for name, content in self.files.items():
            write_bytes(place.member(name), content)
        write_bytes(place.tensors, self.tensors)
        write_text(place.card, card)


def export_bundle(
    bundle: Bundle, form: ExportFormat, precision: Precision, material: Material
) -> Export:
    """Convert a bundle, run the result in its own runtime, and compare it with its source.

    Args:
        bundle: The model.
        form: What to convert it to.
        precision: One of the format's.
        material: Real images.

    Raises:
        CheckFailedError: The export disagrees with its source.
        MissingPackageError: What converts or runs it is not installed.
        ModelError: The network cannot be converted.
    """
    converted: Converted = load_attribute(form.convert)(bundle, precision, material.samples)
    told = bundle
    if precision.recalibrated and material.held_out is not None:
        with _opened(_packed(bundle, bundle, form, precision, converted), bundle) as runner:
            told = refit(bundle, runner, material.held_out)
    made = _packed(bundle, told, form, precision, converted)
    if material.pixels is None:
        return made
    source = LiteRTRunner(bundle)
    expected = source.run(material.pixels)
    with _opened(made, told) as runner:
        given = runner.run(material.pixels)
    allowed = material.allowed or precision.allowed
    verification = compare_outputs((source, runner), (expected, given), tolerance=allowed)
    require_agreement(verification, name=f"The {form.name} export in {precision.name}")
    return replace(
        made,
        card=replace(made.card, verification={"pixels": verification.to_json()}),
        proven=Proven(
            runners=(source, runner), answers=(expected, given), verification=verification
        ),
    )


def _packed(
    bundle: Bundle, told: Bundle, form: ExportFormat, precision: Precision, converted: Converted
) -> Export:
    """Return the export with what is told of it in its own metadata and on its card."""
    card = ExportCard(
        format=form.name,
        precision=precision.name,
        classes=told.classes,
        task=told.architecture.task,
        preprocessing=told.preprocessing,
        rules=told.rules,
        temperature=tuple(np.atleast_1d(told.temperature()).tolist()),
        outputs=converted.outputs,
        source=sha256_bytes(bundle.members[WEIGHTS]),
    )
    files = converted.files
    if form.embed is not None:
        files = load_attribute(form.embed)(files, json.dumps(card.description()))
    digests = {name: sha256_bytes(content) for name, content in files.items()}
    return Export(
        files=files,
        card=replace(card, files=digests),
        tensors=_tensors(told),
        folder=form.folder,
    )


@contextmanager
def _opened(export: Export, told: Bundle) -> Iterator[ExportRunner]:
    """Run an export from the disk, as it will be run, before it stands where it shall."""
    held_out = told.held_out()
    with TemporaryDirectory(prefix="sightline-") as folder:
        path = Path(folder) / "export"
        if not export.folder:
            path = path.with_suffix(next(iter(export.files)))
        export.write(path)
        graph = open_graph(export.card.format, path, export.card.outputs)
        yield ExportRunner(export.card, graph, None if held_out is None else held_out.familiarity)


def _tensors(bundle: Bundle) -> bytes:
    """Return the golden vectors, and the embeddings that tell what is unlike the training data."""
    arrays = bundle.golden_tensors()
    held_out = bundle.held_out()
    if held_out is not None and held_out.familiarity is not None:
        arrays[REFERENCE] = held_out.familiarity.reference
    return save_tensors(arrays)

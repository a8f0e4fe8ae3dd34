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

from sightline.errors import MachineError, MissingPackageError
from sightline.exporting.decoding import Files, prove_files
from sightline.exporting.formats import Converted, ExportFormat, Precision, Samples
from sightline.exporting.refit import HeldOutImages, refit
from sightline.files import (
    load_attribute,
    pretty_json,
    sha256_bytes,
    write_files,
    write_folder,
)
from sightline.inference import LiteRTRunner, Outputs, Runner
from sightline.inference.card import IN_FOLDER, REFERENCE, ExportCard, Place
from sightline.inference.exported import ExportRunner, open_graph
from sightline.models.bundle import WEIGHTS, Bundle
from sightline.verification import (
    FilesProof,
    Verification,
    compare_drawn,
    compare_outputs,
    drawn_pixels,
    overridden,
    require_agreement,
)

_UNWRITTEN = "nothing was written; report this with the backbone and options you used"
_TOO_FEW_BITS = "nothing was written; take a precision of more bits, or --quantize auto"


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """Real images that an export is made and proven with.

    Attributes:
        pixels: To compare on, uint8 (n, height, width, channels); None waives the proof, and the
            record says so.
        samples: Gives training images, for a precision that needs them, or is better with them.
        files: Gives image files, for a format that decodes them itself.
        held_out: Those that calibrated the model, for a precision that is calibrated anew.
        tolerance: The |Δp| that is allowed; by default what its precision allows.
    """

    pixels: np.ndarray | None = None
    samples: Samples | None = None
    files: Files | None = None
    held_out: HeldOutImages | None = None
    tolerance: float | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Proven:
    """What the proof of an export was made of.

    Attributes:
        runners: The source and the export; the export is closed, but known by its card.
        answers: What they gave for the pixels.
        verification: How far apart that is.
        files: How the export reads files; None where it reads none, or none were given.
        unread: Why files could not be compared; empty where they could.
    """

    runners: tuple[Runner, Runner]
    answers: tuple[Outputs, Outputs]
    verification: Verification
    files: FilesProof | None = None
    unread: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Export:
    """An export in memory, proven and ready to be written.

    Attributes:
        files: Content of each of its files, by name for `inference.card.Place.member`.
        card: What is known of it.
        tensors: The arrays that go with it.
        folder: Whether it is a folder.
        proven: How it compares with its source; `None` where that was waived.
        unfulfilled: What was wished for of the source, and its answers do not show; empty where
            they show all of it.
    """

    files: Mapping[str, bytes]
    card: ExportCard
    tensors: bytes
    folder: bool
    proven: Proven | None = None
    unfulfilled: str = ""

    @property
    def size(self) -> int:
        """Bytes of its files, card and arrays not counted."""
        return sum(map(len, self.files.values()))

    def write(self, path: Path) -> None:
        """Write files, arrays and card: a folder at once; else the card, which vouches, last.

        Raises:
            MachineError: One of them cannot be written.
        """
        vouching = replace(self.card, arrays=sha256_bytes(self.tensors))
        card = pretty_json(vouching.to_json())
        if self.folder:
            own = {f"{IN_FOLDER}.json": card.encode(), f"{IN_FOLDER}.safetensors": self.tensors}
            write_folder(path, {**self.files, **own})
            return
        place = Place(path, folder=False)
        members = {place.member(name): content for name, content in self.files.items()}
        write_files({**members, place.tensors: self.tensors, place.card: card.encode()})


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
    return prove(bundle, form, precision, converted, material)


def prove(
    bundle: Bundle,
    form: ExportFormat,
    precision: Precision,
    converted: Converted,
    material: Material,
) -> Export:
    """Run what a converter gave in its own runtime, and compare it with its source.

    Args:
        bundle: The model.
        form: What it was converted to.
        precision: One of the format's.
        converted: What came of it.
        material: Real images.

    Raises:
        CheckFailedError, MissingPackageError, ModelError: As `export_bundle`.
    """
    told, unfulfilled = bundle, None
    if precision.recalibrated and material.held_out is not None:
        with opened(_packed(bundle, bundle, form, precision, converted), bundle) as runner:
            told, unfulfilled = refit(bundle, runner, material.held_out)
    made = _packed(bundle, told, form, precision, converted)
    made = replace(made, unfulfilled="" if unfulfilled is None else unfulfilled.what)
    if material.pixels is None:
        return _with_own_golden(made, told) if precision.recalibrated else made
    source = LiteRTRunner(bundle)
    expected = source.run(material.pixels)
    allowed, drawn = (
        one if material.tolerance is None else overridden(one, material.tolerance)
        for one in (precision.allowed, precision.golden)
    )
    name = f"The {form.name} export in {precision.name}"
    with staged(made) as path, _runner(made, told, path) as runner:
        given = runner.run(material.pixels)
        verification = compare_outputs((source, runner), (expected, given), tolerance=allowed)
        fix = _TOO_FEW_BITS if precision.recalibrated else _UNWRITTEN
        require_agreement(verification, name=name, fix=fix)
        files, unread = _files_read(form, runner, path, material.files)
        if precision.recalibrated:
            made = replace(made, tensors=_tensors(told, runner))
        else:
            found = compare_drawn(runner, bundle.golden_tensors(), drawn)
            require_agreement(found, name=f"{name}, on drawn pixels,", fix=_UNWRITTEN)
    proven = Proven(
        runners=(source, runner),
        answers=(expected, given),
        verification=verification,
        files=files,
        unread=unread,
    )
    figures = {"pixels": verification.to_json(), "files": files and files.to_json()}
    return replace(made, card=replace(made.card, verification=figures), proven=proven)


def _with_own_golden(made: Export, told: Bundle) -> Export:
    with opened(made, told) as runner:
        return replace(made, tensors=_tensors(told, runner))


def _files_read(
    form: ExportFormat, runner: ExportRunner, path: Path, files: Files | None
) -> tuple[FilesProof | None, str]:
    """Return the proof on files, or why there is none."""
    if files is None:
        return None, ""
    try:
        return prove_files(form, runner, path, files, fix=_UNWRITTEN), ""
    except (MachineError, MissingPackageError) as error:
        # The network is proven all the same: that is the larger part, and runs without a browser.
        return None, error.what


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
        golden={
            "difference": precision.golden.difference,
            "relative": precision.golden.relative or 0.0,
        },
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
def opened(export: Export, told: Bundle) -> Iterator[ExportRunner]:
    """Run an export from the disk, as it will be run, before it stands where it shall.

    Args:
        export: In memory.
        told: Knows the embeddings of the training images.
    """
    with staged(export) as path, _runner(export, told, path) as runner:
        yield runner


@contextmanager
def staged(export: Export) -> Iterator[Path]:
    """Write an export where nobody looks, and remove it again."""
    with TemporaryDirectory(prefix="sightline-") as folder:
        path = Path(folder) / "export"
        if not export.folder:
            path = path.with_suffix(next(iter(export.files)))
        export.write(path)
        yield path


def _runner(export: Export, told: Bundle, path: Path) -> ExportRunner:
    held_out = told.held_out()
    graph = open_graph(export.card.format, path, export.card.outputs)
    return ExportRunner(export.card, graph, None if held_out is None else held_out.familiarity)


def _tensors(bundle: Bundle, runner: Runner | None = None) -> bytes:
    """Return the golden vectors, and the embeddings that tell what is unlike the training data.

    Args:
        bundle: Has those of the source.
        runner: Whose answers to the drawn pixels are kept: in 8 bits, the source's tell a client
            of the export nothing. The source's by default.
    """
    arrays = bundle.golden_tensors()
    if runner is not None:
        given = runner.run(drawn_pixels(arrays)[0])
        arrays |= {"probabilities": given.probabilities, "logits": given.logits}
    held_out = bundle.held_out()
    if held_out is not None and held_out.familiarity is not None:
        arrays[REFERENCE] = held_out.familiarity.reference
    return save_tensors(arrays)

"""`export --all`: one model in every format and precision, each proven before it is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sightline.dataset import Content, Dataset
from sightline.errors import (
    CheckFailedError,
    ConfigError,
    MachineError,
    MissingPackageError,
    ModelError,
    SightlineError,
)
from sightline.evaluation import Estimate
from sightline.exporting import FORMATS, ExportFormat, Precision
from sightline.files import printable, sha256_bytes, write_error
from sightline.inference.card import ExportCard, Place, is_export, read_card
from sightline.models.bundle import WEIGHTS, Bundle
from sightline.workflows.export import Images, export, find_images, most_demanding
from sightline.workflows.replacing import check_companions, check_folders, check_replaceable

WAYS = tuple(
    (form, precision) for form in FORMATS.values() for precision in form.precisions.values()
)
"""Everything that can be made, in the order of the table."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What the proof of an export found, as its card has it.

    Attributes:
        difference: Largest |Δp|.
        agreement: Share of images with the same answer.
        accuracy: On the images of the proof.
        gain: Accuracy less that of the source, paired.
    """

    difference: float
    agreement: float
    accuracy: Estimate
    gain: Estimate

    @classmethod
    def of(cls, card: ExportCard) -> Figures:
        """Read a card.

        Raises:
            KeyError, TypeError, ValueError: It has no proof, or one of another shape.
        """
        pixels, accuracy = card.verification["pixels"], card.verification["accuracy"]
        return cls(
            difference=float(pixels["max_difference"]),
            agreement=float(pixels["agreement"]),
            accuracy=Estimate.from_json(accuracy["export"]),
            gain=Estimate.from_json(accuracy["gain"]),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Standing:
    """An export that is written and proven.

    Attributes:
        card: What is known of it.
        size: Bytes of its files, card and arrays not counted.
        figures: What its proof found.
    """

    card: ExportCard
    size: int
    figures: Figures


@dataclass(frozen=True, kw_only=True, eq=False)
class Made:
    """What became of one format in one precision.

    Attributes:
        form: One of the table's.
        precision: One of its.
        path: Where it stands, unless it was refused.
        standing: What stands there; None where it was refused.
        kept: Whether it stood there before.
        notes: What its user has to know.
        refused: Why there is none.
    """

    form: ExportFormat
    precision: Precision
    path: Path
    standing: Standing | None = None
    kept: bool = False
    notes: tuple[str, ...] = ()
    refused: SightlineError | None = None

    @property
    def failed(self) -> bool:
        """Whether it was refused for what it is, and not for what is not installed."""
        return self.refused is not None and not isinstance(self.refused, MissingPackageError)


def path_of(folder: Path, stem: str, form: ExportFormat, precision: Precision) -> Path:
    """Return where an export of a model called `stem` stands."""
    return folder / f"{stem}-{precision.name}{form.suffix}"


def images_for_all(bundle: Bundle, dataset: Dataset, contents: Sequence[Content]) -> Images:
    """Return the images that the most demanding of the formats needs; the others need fewer."""
    finest = most_demanding(precision for _, precision in WAYS)
    return find_images(bundle, dataset, contents, finest)


def check_folder(folder: Path, stem: str, bundle: Bundle, *, overwrite: bool) -> None:
    """Refuse a place that is no folder, or where something else stands than exports of this model.

    Args:
        folder: Where the exports go; made if it is not there.
        stem: What their names begin with.
        bundle: The model.
        overwrite: Replace files that are in the way; a folder that is no export never is.

    Raises:
        ConfigError: Something of another kind, or of another model, is in the way.
        MachineError: The folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise ConfigError(
            f"{printable(folder)} is a file.",
            expected="a folder for the exports, or a name that is free",
            fix="choose another name",
            code="exists",
        ) from None
    except OSError as error:
        raise write_error(folder, error) from error
    for form, precision in WAYS:
        path = path_of(folder, stem, form, precision)
        check_replaceable(path)
        check_folders(path, form)
        if overwrite:
            continue
        if not path.exists():
            check_companions(path, form)
        elif _standing(path, form, precision, bundle) is None:
            raise ConfigError(
                f"{printable(path)} exists, and is no proven export of this model.",
                expected="a folder of its own, or one with exports of the same model to go on with",
                fix="choose another folder, or add --overwrite",
                code="exists",
            )


def export_all(
    bundle: Bundle, images: Images, folder: Path, stem: str, *, overwrite: bool = False
) -> Iterator[Made]:
    """Make, prove and write every format in every precision; yield each as it is done.

    What stands there already, proven and of the same weights, is kept: a run that was ended goes
    on where it was.

    Args:
        bundle: The model.
        images: Of `images_for_all`.
        folder: Where they go.
        stem: What their names begin with.
        overwrite: Make all of them anew.

    Raises:
        MachineError: One cannot be written.
    """
    for form, precision in WAYS:
        path = path_of(folder, stem, form, precision)
        way = Made(form=form, precision=precision, path=path)
        standing = None if overwrite else _standing(path, form, precision, bundle)
        if standing is not None:
            yield replace(way, standing=standing, kept=True)
            continue
        try:
            exported = export(bundle, form, precision, images)
        except (CheckFailedError, MachineError, MissingPackageError, ModelError) as error:
            yield replace(way, refused=error)
            continue
        check_replaceable(path)
        exported.export.write(path)
        card = exported.export.card
        standing = Standing(card=card, size=exported.export.size, figures=Figures.of(card))
        yield replace(way, standing=standing, notes=exported.notes)


def _standing(
    path: Path, form: ExportFormat, precision: Precision, bundle: Bundle
) -> Standing | None:
    """Return an export that is there if it is whole, proven by the table, and of this model."""
    if not path.exists() or not is_export(path):
        return None
    try:
        card = read_card(path)
        figures = Figures.of(card)
        proven = card.verification["pixels"]["tolerance"] == precision.allowed.difference
    except (ModelError, KeyError, TypeError, ValueError):
        return None
    named = (card.format, card.precision, card.source, card.rules.wish)
    wanted = (form.name, precision.name, sha256_bytes(bundle.members[WEIGHTS]), bundle.rules.wish)
    if named != wanted or not proven:
        return None
    place = Place.of(path)
    size = sum(place.member(name).stat().st_size for name in card.files)
    return Standing(card=card, size=size, figures=figures)

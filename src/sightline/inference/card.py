"""What must be known of an exported model besides its graph, as JSON that any language can read.

The card stands beside the export (`clothing.tflite.json`, arrays in `clothing.tflite.safetensors`),
or in it where the export is a folder (`sightline.json`, `sightline.safetensors`). It names the
digest of each file, so that one that was damaged or exchanged is never run for another.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sightline.errors import DataError, ModelError, SightlineError
from sightline.files import join_inside, parse_json, printable, sha256_file
from sightline.images import Preprocessing
from sightline.models.members import read_tensors
from sightline.models.rules import Rules
from sightline.predictions import Task

CARD_VERSION = "1.0"
IN_FOLDER = "sightline"
"""What card and arrays are called in an export that is a folder."""
REFERENCE = "reference"
"""The tensor of the training images' embeddings."""

_NO_CARD = (ArithmeticError, LookupError, TypeError, ValueError, AttributeError)
"""What reading JSON of another shape as a card may raise."""
_SUFFIX = re.compile(r"\.[a-z0-9_]{1,20}")


@dataclass(frozen=True)
class Place:
    """Where the files of an export stand: side by side, or in a folder of their own.

    Attributes:
        export: The path that the user names.
        folder: Whether that is a folder.
    """

    export: Path
    folder: bool

    @classmethod
    def of(cls, export: Path) -> Place:
        """Return the place of an export that is there."""
        return cls(export, export.is_dir())

    def member(self, name: str) -> Path:
        """Return where a file of the export stands.

        Args:
            name: A path inside the folder; or the suffix of a file.

        Raises:
            DataError: The name leads elsewhere.
        """
        if self.folder:
            return join_inside(self.export, name)
        if not _SUFFIX.fullmatch(name):
            raise DataError(f"{printable(name)!r} is no suffix of a file.", code="unsafe_path")
        own = self.export.suffix.lower() == name
        return self.export if own else self.export.with_suffix(name)

    @property
    def card(self) -> Path:
        """Where the card stands."""
        return self._beside(".json")

    @property
    def tensors(self) -> Path:
        """Where the arrays stand."""
        return self._beside(".safetensors")

    def _beside(self, suffix: str) -> Path:
        if self.folder:
            return self.export / f"{IN_FOLDER}{suffix}"
        return self.export.with_name(self.export.name + suffix)


@dataclass(frozen=True, kw_only=True)
class ExportCard:
    """An exported model, but for its graph.

    Attributes:
        format: Name in the table of formats (`exporting.formats`).
        precision: In what numbers it computes.
        classes: Class names in the order of the outputs.
        task: `"multi_class"` or `"multi_label"`.
        preprocessing: What makes its pixels.
        rules: From probabilities to answers.
        temperature: What divides the logits before softmax or sigmoid: one number, or one for each
            label. Already inside where the outputs have probabilities.
        outputs: Name of the tensor for each of probabilities, logits, embedding; those it has.
        source: SHA-256 of the weights that it was made of.
        golden: How far a client's answers to the drawn pixels may be from those that travel with
            the export: `difference`, of probabilities, and `relative`, of logits as a share of the
            largest.
        files: SHA-256 of each file of the export, by its name for `Place.member`.
        arrays: SHA-256 of the arrays that go with it.
        verification: How it compares with its source; empty where that was waived.
    """

    format: str
    precision: str
    classes: tuple[str, ...]
    task: Task
    preprocessing: Preprocessing
    rules: Rules
    temperature: tuple[float, ...]
    outputs: Mapping[str, str]
    source: str
    golden: Mapping[str, float]
    files: Mapping[str, str] = field(default_factory=dict)
    arrays: str = ""
    verification: Mapping[str, Any] = field(default_factory=dict)

    def description(self) -> dict[str, Any]:
        """Return, as JSON values, what the export's own metadata can say: all but proof and files.

        A file cannot hold its own digest.
        """
        return {
            "schema": "export_card",
            "schema_version": CARD_VERSION,
            "format": self.format,
            "precision": self.precision,
            "classes": list(self.classes),
            "task": self.task,
            "preprocessing": self.preprocessing.to_json(),
            "rules": self.rules.to_json(),
            "temperature": list(self.temperature),
            "outputs": dict(self.outputs),
            "source": self.source,
            "golden": dict(self.golden),
        }

    def to_json(self) -> dict[str, Any]:
        """Return the card as JSON values; `from_json` is its inverse."""
        return {
            **self.description(),
            "files": dict(self.files),
            "arrays": self.arrays,
            "verification": dict(self.verification),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ExportCard:
        """Return what a card holds.

        Raises:
            ArithmeticError, LookupError, TypeError, ValueError, SightlineError: It is not a card.
        """
        if value.get("schema") != "export_card" or value.get("schema_version") != CARD_VERSION:
            raise ValueError(
                f"it is of version {value.get('schema_version')!r}, not {CARD_VERSION}"
            )
        card = cls(
            format=str(value["format"]),
            precision=str(value["precision"]),
            classes=tuple(map(str, value["classes"])),
            task=value["task"],
            preprocessing=Preprocessing.from_json(value["preprocessing"]),
            rules=Rules.from_json(value["rules"]),
            temperature=tuple(map(float, value["temperature"])),
            outputs={str(name): str(tensor) for name, tensor in value["outputs"].items()},
            source=str(value["source"]),
            golden={name: float(value["golden"][name]) for name in ("difference", "relative")},
            files={str(name): str(digest) for name, digest in value["files"].items()},
            arrays=str(value["arrays"]),
            verification=dict(value["verification"]),
        )
        if card.task not in ("multi_class", "multi_label") or len(set(card.classes)) != len(
            card.classes
        ):
            raise ValueError("its task or its classes cannot be")
        sizes = (1, len(card.classes))
        if len(card.temperature) not in sizes or not all(
            0 < t < math.inf for t in card.temperature
        ):
            raise ValueError("its temperature cannot be")
        if "logits" not in card.outputs:
            raise ValueError("it names no logits")
        if not card.files:
            raise ValueError("it names no file")
        card.rules.check(card.classes, card.task)
        return card


def is_export(path: Path) -> bool:
    """Return whether a card says that an export stands at `path`."""
    return Place.of(path).card.is_file()


def read_card(export: Path) -> ExportCard:
    """Read the card of an export, and refuse files that are not the ones it names.

    Raises:
        ModelError: One of them is missing, damaged, or of another export.
    """
    place = Place.of(export)
    if export.suffix == ".sightline":
        raise ModelError(
            f"{printable(export)} is a model, not an export of one.",
            expected="what `sightline export` wrote",
            fix="export it: sightline export MODEL DATA --save FILE",
            code="no_export",
        )
    for needed in (export, place.card):
        if not needed.exists():
            raise _unusable(f"There is no {printable(needed)}.")
    shown = printable(place.card)
    try:
        card = ExportCard.from_json(parse_json(place.card.read_bytes(), name=shown))
        members = {place.member(name): digest for name, digest in card.files.items()}
    except DataError as error:
        raise _unusable(error.what) from error
    except (*_NO_CARD, SightlineError) as error:
        raise _unusable(f"{shown} is no card of an export: {error}.") from error
    if not place.folder and export not in members:
        raise _unusable(f"{shown} is not the card of {printable(export)}.")
    members[place.tensors] = card.arrays
    for path, digest in members.items():
        if not path.is_file():
            raise _unusable(f"There is no {printable(path)}.")
        if sha256_file(path) != digest:
            raise _unusable(
                f"{printable(path)} is not the file that its card names: it was changed or cut off."
            )
    _check_no_others(place, members)
    return card


def _check_no_others(place: Place, members: Mapping[Path, str]) -> None:
    """Refuse a folder with files that the card does not vouch for: a runtime might take them."""
    if not place.folder:
        return
    known = {os.path.realpath(path) for path in (*members, place.card)}
    for path in place.export.rglob("*"):
        # A link may lead to a folder, which is not looked into.
        strange = path.is_symlink() or not path.is_dir()
        if strange and os.path.realpath(path) not in known:
            raise _unusable(f"{printable(path)} is no part of the export, as its card has it.")


def read_card_tensors(export: Path) -> dict[str, np.ndarray]:
    """Read the arrays that belong to an export.

    Raises:
        ModelError: They are missing or damaged.
    """
    path = Place.of(export).tensors
    if not path.is_file():
        raise _unusable(f"There is no {printable(path)}.")
    return read_tensors(path.read_bytes(), printable(path))


def _unusable(what: str) -> ModelError:
    return ModelError(
        what,
        expected="an export with its card and its arrays, as `sightline export` wrote them",
        fix="copy all of its files together, or export again",
        code="bad_export",
    )

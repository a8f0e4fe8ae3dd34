"""What must be known of an exported model besides its graph, as JSON that any language can read.

The card stands beside the export: `clothing.tflite.json`, and arrays (golden vectors, embeddings of
training images) in `clothing.tflite.safetensors`. It names the export's digest, so that a file that
was damaged or exchanged is never run for another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sightline.errors import DataError, ModelError, SightlineError
from sightline.files import parse_json, printable, sha256_file
from sightline.images import Preprocessing
from sightline.models.members import read_tensors
from sightline.models.rules import Rules
from sightline.predictions import Task

CARD_VERSION = "1.0"
CARD_SUFFIX = ".json"
TENSORS_SUFFIX = ".safetensors"
REFERENCE = "reference"
"""The tensor of the training images' embeddings."""


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
        sha256: Of the export's file.
        source: SHA-256 of the weights that it was made of.
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
    sha256: str
    source: str
    verification: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the card as JSON values; `from_json` is its inverse."""
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
            "sha256": self.sha256,
            "source": self.source,
            "verification": dict(self.verification),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ExportCard:
        """Return what a card holds.

        Raises:
            KeyError, TypeError, ValueError, SightlineError: It is not a card.
        """
        card = cls(
            format=str(value["format"]),
            precision=str(value["precision"]),
            classes=tuple(map(str, value["classes"])),
            task=value["task"],
            preprocessing=Preprocessing.from_json(value["preprocessing"]),
            rules=Rules.from_json(value["rules"]),
            temperature=tuple(map(float, value["temperature"])),
            outputs={str(name): str(tensor) for name, tensor in value["outputs"].items()},
            sha256=str(value["sha256"]),
            source=str(value["source"]),
            verification=dict(value["verification"]),
        )
        if card.task not in ("multi_class", "multi_label") or len(set(card.classes)) != len(
            card.classes
        ):
            raise ValueError("its task or its classes cannot be")
        if len(card.temperature) not in (1, len(card.classes)) or min(card.temperature) <= 0:
            raise ValueError("its temperature cannot be")
        card.rules.check(card.classes, card.task)
        return card


def card_path(export: Path) -> Path:
    """Return where the card of an export stands."""
    return export.with_name(export.name + CARD_SUFFIX)


def tensors_path(export: Path) -> Path:
    """Return where the arrays of an export stand."""
    return export.with_name(export.name + TENSORS_SUFFIX)


def read_card(export: Path) -> ExportCard:
    """Read the card of an export, and refuse a file that is not the one it names.

    Raises:
        ModelError: One of them is missing, damaged, or of another export.
    """
    path, shown = card_path(export), printable(export)
    for needed in (export, path):
        if not needed.is_file():
            raise _unusable(f"There is no {printable(needed)}.")
    try:
        card = ExportCard.from_json(parse_json(path.read_bytes(), name=printable(path)))
    except DataError as error:
        raise _unusable(error.what) from error
    except (KeyError, TypeError, ValueError, AttributeError, SightlineError) as error:
        raise _unusable(f"{printable(path)} is no card of an export: {error}.") from error
    if sha256_file(export) != card.sha256:
        raise _unusable(f"{shown} is not the file that its card names: it was changed or cut off.")
    return card


def read_card_tensors(export: Path) -> dict[str, np.ndarray]:
    """Read the arrays that stand beside an export.

    Raises:
        ModelError: They are missing or damaged.
    """
    path = tensors_path(export)
    if not path.is_file():
        raise _unusable(f"There is no {printable(path)}.")
    return read_tensors(path.read_bytes(), printable(path))


def _unusable(what: str) -> ModelError:
    return ModelError(
        what,
        expected="an export with its card and its arrays, as `sightline export` wrote them",
        fix="copy all three files together, or export again",
        code="bad_export",
    )

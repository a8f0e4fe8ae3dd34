"""What the members of a bundle hold, as bytes and back; what is read is checked first."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from sightline.dataset import RecordRow
from sightline.errors import ModelError
from sightline.models.rules import HeldOut
from sightline.predictions import Task

TEMPERATURE = "temperature/temperature"


def pack_weights(weights: Mapping[str, np.ndarray]) -> bytes:
    """Return `weights` as safetensors, the same bytes for the same content."""
    return save_tensors({name: np.asarray(weights[name], order="C") for name in sorted(weights)})


def pack_held_out(held_out: HeldOut) -> bytes:
    """Return `held_out` as safetensors."""
    return save_tensors(held_out.tensors())


def pack_record(rows: Sequence[RecordRow]) -> bytes:
    """Return `rows` as JSON Lines."""
    lines = (json.dumps(row._asdict(), ensure_ascii=True) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()


def read_tensors(data: bytes, name: str) -> dict[str, np.ndarray]:
    """Return the arrays of a safetensors member.

    Args:
        data: The member.
        name: Its name, for the error.

    Raises:
        ModelError: It is not one.
    """
    try:
        return load_tensors(data)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{name} is not a valid safetensors file: {error}.",
            fix="take another copy of the bundle",
            code="damaged_model",
        ) from error


def check_weights(weights: Mapping[str, np.ndarray]) -> None:
    """Refuse weights that are not finite.

    Raises:
        ModelError: One holds NaN or infinity.
    """
    for name, value in weights.items():
        if not np.isfinite(value).all():
            raise ModelError(
                f"The weight {name!r} holds NaN or infinity.",
                expected="finite weights",
                fix="train again, or take another copy of the file",
                code="non_finite_weight",
            )


def temperature_of(weights: Mapping[str, np.ndarray], task: Task, *, classes: int) -> np.ndarray:
    """Return what divides the logits: float32 (), or (k,) for one for each label.

    Raises:
        ModelError: It is missing, of another shape, or not above 0.
    """
    found = weights.get(TEMPERATURE)
    shapes = [()] if task == "multi_class" else [(), (classes,)]
    if found is None or found.shape not in shapes or not (found > 0).all():
        given = "missing" if found is None else f"{found.tolist()}"
        raise ModelError(
            f"The model's temperature is {given}.",
            expected="a number above 0; for multi_label, one or one for each label",
            fix="take another copy of the model, or train again",
            code="damaged_model",
        )
    return found


def read_record(data: bytes) -> tuple[RecordRow, ...]:
    """Return the rows that `pack_record` gave.

    Raises:
        ModelError: The member is damaged.
    """
    return tuple(_record_row(line) for line in data.splitlines())


def _record_row(line: bytes) -> RecordRow:
    try:
        value = json.loads(line)
        row = RecordRow(**{**value, "labels": _names(value["labels"])})
        _names([row.digest, row.name, *(word for word in (row.group, row.split) if word)])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ModelError(
            f"The model's record of images is damaged: {error}.",
            fix="take another copy of the model, or train again",
            code="damaged_model",
        ) from error
    return row


def _names(words: object) -> tuple[str, ...]:
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise TypeError("a word is missing or of another type")
    return tuple(words)

"""JSON that is the same bytes for the same value, and readers that refuse what is not JSON."""

from __future__ import annotations

import json
import os
from typing import Any

from sightline.errors import DataError
from sightline.files.atomic import write_text


def canonical_json(value: Any) -> str:
    """Return `value` as JSON with sorted keys and no spaces: what digests are taken of.

    Raises:
        ValueError: `value` holds NaN or infinity, which JSON has no word for.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )


def pretty_json(value: Any) -> str:
    """Return `value` as indented JSON with a final newline, keys in the order given."""
    return json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write `value` to `path` atomically as indented JSON."""
    write_text(path, pretty_json(value))


def parse_json(text: str | bytes, *, name: str) -> Any:
    """Parse strict JSON: no NaN or Infinity tokens, no duplicate keys.

    Args:
        text: The document.
        name: What it is, for the error.

    Raises:
        DataError: `text` is not strict JSON.
    """
    try:
        return json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{name} is not valid JSON: {error}.", expected="a JSON document", code="bad_json"
        ) from error


def _refuse(token: str) -> Any:
    raise ValueError(f"{token} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return value

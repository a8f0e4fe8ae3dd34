"""The JSON Schemas of everything that leaves the program, by name.

A schema is a promise to programs: what it describes may gain a version, never change under one.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from sightline.errors import unknown_name

_FOLDER = resources.files("sightline.reporting") / "schemas"


def schema_names() -> tuple[str, ...]:
    """Return the names of all schemas, sorted."""
    files = (file.name for file in _FOLDER.iterdir())
    return tuple(sorted(name.removesuffix(".json") for name in files if name.endswith(".json")))


def schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) called `name`, for example `"evaluation"`.

    Raises:
        ConfigError: There is none of that name.
    """
    if name not in schema_names():
        raise unknown_name("schema", name, schema_names())
    document: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text("utf-8"))
    return document

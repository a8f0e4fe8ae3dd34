"""Sightline: from folders of labelled images to a classifier you can trust.

The public face is a table: a name is imported when it is first used, so that
`import sightline` costs nothing and never needs TensorFlow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sightline.models import BACKBONES as BACKBONES

__version__ = "0.1.0.dev0"

_PUBLIC = {
    "BACKBONES": "sightline.models",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'sightline' has no attribute {name!r}", name=name)
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

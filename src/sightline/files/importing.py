"""Names of things that are too heavy to import before they are needed.

A table row that needs TensorFlow holds `"module:attribute"`; this is the one function that
turns such a reference into the thing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from sightline.errors import MissingPackageError

_EXTRAS = {
    "tensorflow": "train",
    "keras": "train",
    "cv2": "train",
    "sklearn": "train",
    "scipy": "train",
    "h5py": "train",
    "matplotlib": "train",
    "pyarrow": "parquet",
    "pillow_heif": "heic",
}


def load_attribute(reference: str) -> Any:
    """Return what `"module:attribute"` names, importing the module now.

    Raises:
        MissingPackageError: The module needs a package that is not installed.
    """
    module, _, attribute = reference.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRAS:
            raise
        raise missing_package(package) from error


def missing_package(package: str) -> MissingPackageError:
    """Return the three-part error for an optional package that is not installed."""
    extra = _EXTRAS[package]
    return MissingPackageError(
        f"This needs the package {package!r}, which is not installed.",
        expected=f"Sightline with its extra {extra!r}",
        fix=f'pip install "sightline[{extra}]"',
    )

"""Modules that are too heavy, or too seldom there, to import before they are needed.

A table row that needs TensorFlow holds `"module:attribute"`; an optional package is imported
where it is used. Both go through here, so that whoever lacks a package is told in one way which
extra brings it.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from sightline.errors import MissingPackageError

OPTIONAL_PACKAGES: Mapping[str, tuple[str, str]] = {
    "ai_edge_quantizer": ("ai-edge-quantizer", "quantize"),
    "cv2": ("opencv-python-headless", "train"),
    "h5py": ("h5py", "train"),
    "keras": ("keras", "train"),
    "matplotlib": ("matplotlib", "train"),
    "pillow_heif": ("pillow-heif", "heic"),
    "pyarrow": ("pyarrow", "parquet"),
    "scipy": ("scipy", "train"),
    "sklearn": ("scikit-learn", "train"),
    "tensorboard": ("tensorboard", "train"),
    "tensorflow": ("tensorflow-cpu", "train"),
    "threadpoolctl": ("threadpoolctl", "train"),
}
"""From what is imported to what pip calls it and the extra that brings it."""


def load_module(module: str, *, purpose: str = "do this") -> Any:
    """Return a module, importing it now.

    Args:
        module: For example `"pyarrow.parquet"`.
        purpose: What it is wanted for, as in "is needed to ...".

    Raises:
        MissingPackageError: It needs a package of one of Sightline's extras that is not
            installed or cannot be imported.
    """
    try:
        return import_module(module)
    except ImportError as error:
        missing = missing_package(error, module=module, purpose=purpose)
        if missing is None:
            raise
        raise missing from error


def load_attribute(reference: str) -> Any:
    """Return what `"module:attribute"` names, importing the module now.

    Raises:
        MissingPackageError: As `load_module`.
    """
    module, _, attribute = reference.partition(":")
    return getattr(load_module(module), attribute)


def missing_package(
    error: ImportError, *, module: str = "", purpose: str = "do this"
) -> MissingPackageError | None:
    """Return what `error` means to a user, or `None` if no extra of Sightline brings the package.

    Args:
        error: What an import raised.
        module: What was imported.
        purpose: What it was wanted for, as in "is needed to ...".
    """
    names = ((error.name or "").partition(".")[0], module.partition(".")[0])
    package = next((name for name in names if name in OPTIONAL_PACKAGES), None)
    if package is None:
        return None
    distribution, extra = OPTIONAL_PACKAGES[package]
    absent = isinstance(error, ModuleNotFoundError)
    state = "is not installed" if absent else f"cannot be imported ({error})"
    return MissingPackageError(
        f"{distribution} {state}; it is needed to {purpose}.",
        expected=f"an installation with the extra {extra!r}",
        fix=f"pip install 'sightline[{extra}]'",
        details={"package": distribution, "extra": extra},
    )

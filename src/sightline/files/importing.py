"""Modules that are too heavy, or too seldom there, to import before they are needed.

A table row that needs TensorFlow holds `"module:attribute"`; an optional package is imported
where it is used. Both go through here, so that whoever lacks a package is told in one way which
extra brings it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from sightline.errors import MissingPackageError

OPTIONAL_PACKAGES: Mapping[str, tuple[str, str]] = {
    "ai_edge_quantizer": ("ai-edge-quantizer", "quantize"),
    "cv2": ("opencv-python-headless", "train"),
    "h5py": ("h5py", "train"),
    "keras": ("keras", "train"),
    "matplotlib": ("matplotlib", "train"),
    "onnx": ("onnx", "onnx"),
    "openvino": ("openvino", "openvino"),
    "pillow_heif": ("pillow-heif", "heic"),
    "pyarrow": ("pyarrow", "parquet"),
    "scipy": ("scipy", "train"),
    "sklearn": ("scikit-learn", "train"),
    "tensorboard": ("tensorboard", "train"),
    "tensorflow": ("tensorflow-cpu", "train"),
    "tf2onnx": ("tf2onnx", "onnx"),
    "threadpoolctl": ("threadpoolctl", "train"),
}
"""From what is imported to what pip calls it and the extra that brings it."""

_OPT_OUT: Mapping[str, Mapping[str, str]] = {"onnxruntime": {"ORT_DISABLE_TELEMETRY": "1"}}
"""Packages that report how they are used, and the variable that forbids it. ONNX Runtime does from
1.29 on, and gives the machine a number in the user's home; it reads the variable when imported."""
_REPORTER: Mapping[str, str] = {"openvino": "openvino_telemetry"}
"""Packages that report when they are imported, and what they do it with; they do without it."""


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
        with unreported(module.partition(".")[0]):
            return import_module(module)
    except ImportError as error:
        missing = missing_package(error, module=module, purpose=purpose)
        if missing is None:
            raise
        raise missing from error


@contextmanager
def unreported(package: str) -> Iterator[None]:
    """Keep a package from telling its maker, over the network, that it is imported and used.

    Args:
        package: What is imported meanwhile.
    """
    for variable, value in _OPT_OUT.get(package, {}).items():
        os.environ.setdefault(variable, value)
    reporter = _REPORTER.get(package)
    if reporter is None or reporter in sys.modules:
        yield
        return
    modules: dict[str, Any] = sys.modules
    modules[reporter] = None  # which Python takes for "not installed"
    try:
        yield
    finally:
        del modules[reporter]


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

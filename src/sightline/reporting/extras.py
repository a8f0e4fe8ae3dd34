"""Packages of optional extras, imported when they are first needed.

The base install has neither pyarrow nor matplotlib; whoever asks for what they make is told
which extra brings it.
"""

from __future__ import annotations

import importlib
from typing import Any

from sightline.errors import MissingPackageError


def import_extra(module: str, *, extra: str, purpose: str) -> Any:
    """Return the module, or raise the error that names the extra.

    Args:
        module: What is imported, for example `"pyarrow.parquet"`.
        extra: The extra of Sightline that brings it.
        purpose: What it is wanted for, as in "is needed to ...".

    Raises:
        MissingPackageError: It is not installed, or cannot be imported.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingPackageError(
            f"The package {package} is needed to {purpose}: {error}.",
            expected=f"an installation with the extra {extra!r}",
            fix=f"pip install 'sightline[{extra}]'",
            details={"package": package, "extra": extra},
        ) from error

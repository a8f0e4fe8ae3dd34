"""How a check says that single images stand out: one finding that lists them all."""

from __future__ import annotations

from collections.abc import Sequence

from sightline.dataset import Finding
from sightline.dataset.records import counted

_NATURE = 0.5
"""The share of images from which a property is no exception but the nature of the set."""


def mark(names: Sequence[str], of: int, *, check: str, what: str, fix: str) -> tuple[Finding, ...]:
    """Return a warning that lists images; a note, with nothing surplus, if most are like that.

    Args:
        names: The images; nothing is found if there are none.
        of: How many images were looked at.
        check: The check's name.
        what: What they are, such as `"blurred"`.
        fix: What to do about it.
    """
    if not names:
        return ()
    paths = tuple(names)
    found = f"{counted(len(paths), 'image')} of {of:,} {what}"
    if len(paths) > _NATURE * of:
        message = f"{found}: so many that it seems to be the nature of this set."
        return (Finding(check=check, severity="info", message=message, paths=paths),)
    return (
        Finding(
            check=check,
            severity="warning",
            message=f"{found}.",
            paths=paths,
            fix=fix,
            surplus=paths,
        ),
    )

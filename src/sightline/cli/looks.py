"""How a verb says that test images were read before."""

from __future__ import annotations

from sightline.cli.console import Console
from sightline.workflows.looks import Looks


def tell_looks(console: Console, looks: Looks | None, *, prefix: str = "") -> None:
    """Say on standard error what there is to know of the looks at a model's test images.

    Args:
        console: Where to.
        looks: None where no test image was looked at.
        prefix: What each message begins with.
    """
    for note in looks.notes if looks else ():
        console.note(f"{prefix}{note}")

"""How a verb says that test images were read before."""

from __future__ import annotations

from sightline.cli.console import Console
from sightline.workflows.looks import Looks


def tell_looks(console: Console, *looks: Looks | None) -> None:
    """Say on standard error, once, what there is to know of the looks at test images.

    Args:
        console: Where to.
        looks: Of one model, or of two that are called A and B; None where no test image was
            looked at.
    """
    prefixes = ("A: ", "B: ") if len(looks) > 1 else ("",)
    notes = [
        note
        for prefix, look in zip(prefixes, looks, strict=True)
        if look is not None
        for note in look.notes(prefix)
    ]
    for note in dict.fromkeys(notes):
        console.note(note)

"""How a verb says that test images were read before."""

from __future__ import annotations

from sightline.cli.console import Console
from sightline.workflows.looks import Looks


def tell_looks(console: Console, *looks: Looks | None, names: tuple[str, str] = ("A", "B")) -> None:
    """Say on standard error, once, what there is to know of the looks at test images.

    Args:
        console: Where to.
        looks: Of one model, or of two; None where no test image was looked at.
        names: What the two are called.
    """
    prefixes = [f"{name}: " for name in names] if len(looks) > 1 else [""]
    told = [(prefix, look) for prefix, look in zip(prefixes, looks, strict=True) if look]
    # Of images that have judged many models, the last look knows of most.
    notes = [note for prefix, look in told for note in look.own_notes(prefix)]
    notes += [note for _, look in told[-1:] for note in look.notes_on_images()]
    for note in dict.fromkeys(notes):
        console.note(note)

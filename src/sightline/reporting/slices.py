"""The slices of an evaluation as lines of plain text that fit a terminal of 80 columns."""

from __future__ import annotations

from sightline.dataset.records import counted
from sightline.evaluation.slices import Slices
from sightline.reporting.columns import aligned, chance, share, shortened, signed

_LONGEST_NAME = 30


def slice_lines(slices: Slices, *, shown: int = 5) -> tuple[str, ...]:
    """Return the weakest slices against the rest, and what was too small to judge.

    Args:
        slices: What was looked at.
        shown: How many are listed; all that are weak beyond chance are, whatever it says.
    """
    weak = slices.weak
    listed = dict.fromkeys((*weak, *(one for one in slices.slices if one.difference.value < 0)))
    rows = [("slice", "images", "right", "against the rest", "p*")]
    rows += [
        (
            shortened(f"{one.attribute}: {one.value}", _LONGEST_NAME),
            str(one.n),
            share(one.accuracy),
            signed(one.difference),
            chance(one.adjusted),
        )
        for one in list(listed)[: max(shown, len(weak))]
    ]
    lines = [*aligned(rows, right={1, 2})] if len(rows) > 1 else []
    lines.append(
        f"{counted(len(slices.slices), 'slice')} looked at, {len(weak) or 'none'} weaker than the "
        "rest beyond chance (* corrected)"
    )
    for name, (values, images) in slices.small.items():
        lines.append(
            f"{shortened(name, _LONGEST_NAME)}: {counted(values, 'value')} with fewer than "
            f"{slices.smallest} images not judged ({counted(images, 'image')})"
        )
    return tuple(lines)

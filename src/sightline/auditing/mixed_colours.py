"""Grey images among coloured ones, or the other way: counted, for a model may count them too."""

from __future__ import annotations

from collections.abc import Iterator

from sightline.auditing.check import Check, Evidence
from sightline.dataset import Finding
from sightline.dataset.records import counted

_GREY = ("1", "L", "I", "F")


def find_mixed_colours(evidence: Evidence) -> Iterator[Finding]:
    """Yield a note that lists whichever are fewer, by what the files store.

    Only a note: whether classes differ in it, which would be a shortcut, is the check `shortcut`'s.
    """
    grey: list[str] = []
    coloured: list[str] = []
    for row, content in evidence.pairs:
        if content.header is not None:
            kind = grey if content.header.mode.startswith(_GREY) else coloured
            kind.append(row.name)
    if grey and coloured:
        fewer, word = min((grey, "grey"), (coloured, "coloured"), key=lambda each: len(each[0]))
        yield Finding(
            check=MIXED_COLOURS.name,
            severity="info",
            message=f"{counted(len(fewer), 'image')} of {len(grey) + len(coloured):,} "
            f"stored {'in grey' if word == 'grey' else 'in colour'}, the others "
            f"{'in colour' if word == 'grey' else 'in grey'}.",
            paths=tuple(fewer),
            fix="train with --channels 1 if colour should not count",
        )


MIXED_COLOURS = Check(
    name="mixed_colours",
    title="grey and coloured images mixed",
    find=find_mixed_colours,
)

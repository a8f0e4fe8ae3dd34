"""Files that cannot become pixels: empty, cut off, no image, changed, or not to be read."""

from __future__ import annotations

from collections.abc import Iterator

from sightline.auditing.check import Check, Evidence
from sightline.dataset import Finding
from sightline.files import printable


def find_unreadable(evidence: Evidence) -> Iterator[Finding]:
    """Yield an error for each image that has one."""
    for row, content in evidence.pairs:
        if content.error is not None:
            yield Finding(
                check=UNREADABLE.name,
                severity="error",
                message=f"{printable(row.name)}: {content.error.what} [{content.error.code}]",
                paths=(row.name,),
                fix=content.error.fix or "",
                surplus=(row.name,),
            )


UNREADABLE = Check(
    name="unreadable",
    title="images that cannot be read or decoded",
    find=find_unreadable,
    may_allow=False,
    may_leave_out=True,
)

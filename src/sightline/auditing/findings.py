"""What an audit found, with the questions that are asked of it."""

from __future__ import annotations

from sightline.dataset import Finding

_REDUNDANT = ("unreadable", "duplicate")


class Findings(tuple[Finding, ...]):
    """An immutable sequence of findings."""

    __slots__ = ()

    def of(self, check: str) -> Findings:
        """Return the findings of one check."""
        return Findings(finding for finding in self if finding.check == check)

    def redundant(self) -> tuple[str, ...]:
        """Return the names of unreadable files and surplus copies, one of each kept.

        For `dataset.without(findings.redundant())`. Of copies in several splits, the one that
        judges (test, then validation) is kept.
        """
        return tuple(
            dict.fromkeys(
                name for finding in self if finding.check in _REDUNDANT for name in finding.surplus
            )
        )

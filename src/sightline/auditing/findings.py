"""What an audit found, with the questions that are asked of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sightline.dataset import Finding, Severity

_REDUNDANT = ("unreadable", "duplicate")
_WORST_FIRST: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRun:
    """A check that could not run: silence about it would look like a clean bill.

    Args:
        check: Its name.
        reason: What it lacks, in a few words.
    """

    check: str
    reason: str

    def to_json(self) -> dict[str, str]:
        """Return the record as JSON-serialisable data."""
        return {"check": self.check, "reason": self.reason}


class Findings(tuple[Finding, ...]):
    """An immutable sequence of findings.

    Attributes:
        not_run: The checks that could not run, and why.
    """

    not_run: tuple[NotRun, ...]

    def __new__(
        cls, findings: Iterable[Finding] = (), *, not_run: Iterable[NotRun] = ()
    ) -> Findings:
        """Make the sequence, and keep beside it what was not run."""
        made = super().__new__(cls, findings)
        made.not_run = tuple(not_run)
        return made

    def of(self, check: str) -> Findings:
        """Return the findings of one check."""
        return Findings(finding for finding in self if finding.check == check)

    def worst_first(self) -> Findings:
        """Return the same findings: errors, then warnings, then notes; else in the same order."""
        ranked = sorted(self, key=lambda finding: _WORST_FIRST.index(finding.severity))
        return Findings(ranked, not_run=self.not_run)

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

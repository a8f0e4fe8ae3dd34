"""Findings about the data, told on standard error: how bad, what, which files, what to do."""

from __future__ import annotations

from collections.abc import Sequence

from sightline.cli.console import Console
from sightline.dataset import Finding
from sightline.files import printable

_NAMED = 5


def tell_findings(console: Console, findings: Sequence[Finding]) -> None:
    """Print each finding; the files that it concerns are named up to five and counted."""
    for finding in findings:
        parts = [f"{finding.message} [{finding.check}]"]
        parts += [f"  {printable(path)}" for path in finding.paths[:_NAMED]]
        if len(finding.paths) > _NAMED:
            parts.append(f"  and {len(finding.paths) - _NAMED} more")
        if finding.fix:
            parts.append(f"  To do: {finding.fix}")
        text = "\n".join(parts)
        if finding.severity == "info":
            console.note(text)
        else:
            console.warning(text)

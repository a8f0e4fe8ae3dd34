"""Findings about the data, told on standard error: how bad, what, which files, what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sightline.auditing import Findings
from sightline.cli.console import Console
from sightline.dataset import Finding
from sightline.files import printable

_NAMED = 5
_TOLD = 20


def tell_findings(
    console: Console, findings: Sequence[Finding], *, allow: Sequence[str] = ()
) -> None:
    """Print findings, worst first; those of one check together, up to twenty, and counted.

    The files that each concerns are named up to five and counted. `--json` names all of both.

    Args:
        console: Where to.
        findings: What was found.
        allow: Checks that are accepted: what they find is a warning at most.
    """
    told: Counter[str] = Counter()
    every = Counter(finding.check for finding in findings)
    for finding in Findings(findings).worst_first():
        told[finding.check] += 1
        if told[finding.check] <= _TOLD:
            _tell(console, finding, accepted=finding.check in allow)
        if told[finding.check] == every[finding.check] > _TOLD:
            more = every[finding.check] - _TOLD
            console.note(f"and {more:,} more of [{finding.check}]; --json lists them")


def _tell(console: Console, finding: Finding, *, accepted: bool) -> None:
    parts = [f"{finding.message} [{finding.check}]"]
    parts += [f"  {printable(path)}" for path in finding.paths[:_NAMED]]
    if len(finding.paths) > _NAMED:
        parts.append(f"  and {len(finding.paths) - _NAMED} more")
    if finding.fix:
        parts.append(f"  To do: {finding.fix}")
    text = "\n".join(parts)
    if finding.severity == "info":
        console.note(text)
    elif finding.severity == "error" and not accepted:
        console.fault(text)
    else:
        console.warning(text)

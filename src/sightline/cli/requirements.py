"""`--require`, for every command that measures: read, told, and the exit code."""

from __future__ import annotations

from collections.abc import Sequence

from sightline.cli.console import Console
from sightline.errors import CheckFailedError
from sightline.evaluation import Requirement, Verdict
from sightline.files import printable


def read_requirements(words: Sequence[str] | None) -> tuple[Requirement, ...]:
    """Read what `--require` was given.

    Raises:
        ConfigError: One cannot be read.
    """
    return tuple(map(Requirement.parse, words or ()))


def tell_verdicts(console: Console, verdicts: Sequence[Verdict]) -> None:
    """Print one line for each verdict."""
    if verdicts:
        console.line()
        console.line("Requirements", style="bold")
    for one in verdicts:
        console.line(f"  {'met' if one.passed else 'NOT MET'}: {one}")


def refuse_unmet(verdicts: Sequence[Verdict]) -> None:
    """End with exit code 3 where a requirement is not met; to be called last.

    Raises:
        CheckFailedError: One was not met.
    """
    error = unmet(verdicts)
    if error is not None:
        raise error


def unmet(verdicts: Sequence[Verdict]) -> CheckFailedError | None:
    """Return the error that names the requirements that are not met; None where all are."""
    failed = [one for one in verdicts if not one.passed]
    if not failed:
        return None
    return CheckFailedError(
        f"{len(failed)} of {len(verdicts)} requirements are not met: "
        + ", ".join(printable(str(one.requirement)) for one in failed)
        + ".",
        expected="intervals that clear every target",
        fix="see the verdicts for what would show it",
        code="requirements_not_met",
        details={"requirements": [one.to_json() for one in failed]},
    )

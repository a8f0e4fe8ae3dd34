"""The table of checks, and the audit that runs them. A new check is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from sightline.auditing.check import Check, Evidence
from sightline.auditing.conflict import CONFLICT
from sightline.auditing.conversion import CONVERSION
from sightline.auditing.duplicate import DUPLICATE
from sightline.auditing.findings import Findings, NotRun
from sightline.auditing.imbalance import IMBALANCE
from sightline.auditing.label_error import LABEL_ERROR
from sightline.auditing.leak import GROUP_LEAK, LEAK, NEAR_LEAK
from sightline.auditing.look import LOOK_CHECKS
from sightline.auditing.missing_class import MISSING_CLASS
from sightline.auditing.mixed_colours import MIXED_COLOURS
from sightline.auditing.near_duplicate import NEAR_CONFLICT, NEAR_DUPLICATE
from sightline.auditing.outlier import OUTLIER
from sightline.auditing.shortcut import SHORTCUT
from sightline.auditing.size import HUGE, ODD_SHAPE, TINY
from sightline.auditing.small_class import SMALL_CLASS
from sightline.auditing.unreadable import UNREADABLE
from sightline.auditing.wrong_extension import WRONG_EXTENSION
from sightline.dataset import Content, Dataset, Finding, check_dataset
from sightline.predictions import Predictions


def checks_by_name(checks: Iterable[Check]) -> Mapping[str, Check]:
    """Return checks by their names.

    Raises:
        ValueError: Two have the same name.
    """
    table: dict[str, Check] = {}
    for check in checks:
        if check.name in table:
            raise ValueError(f"two checks are called {check.name!r}")
        table[check.name] = check
    return MappingProxyType(table)


CHECKS: Mapping[str, Check] = checks_by_name(
    (
        UNREADABLE,
        LEAK,
        GROUP_LEAK,
        CONFLICT,
        MISSING_CLASS,
        SMALL_CLASS,
        NEAR_LEAK,
        NEAR_CONFLICT,
        DUPLICATE,
        NEAR_DUPLICATE,
        LABEL_ERROR,
        OUTLIER,
        IMBALANCE,
        SHORTCUT,
        *LOOK_CHECKS,
        TINY,
        HUGE,
        ODD_SHAPE,
        WRONG_EXTENSION,
        MIXED_COLOURS,
        CONVERSION,
    )
)


def audit(
    dataset: Dataset,
    contents: Sequence[Content] | None = None,
    *,
    predictions: Predictions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Findings:
    """Run every check that has what it needs.

    What was found while listing is in `dataset.notices` and not repeated here.

    Args:
        dataset: The images.
        contents: What `dataset.contents()` gave, if it was called before; else it is called now.
        predictions: Of a model that did not learn from these images, aligned with the rows, for
            the checks that compare labels and answers.
        progress: Called with (done, total) while images are read.

    Returns:
        Findings in the order of `CHECKS`, those that stop the work first; `not_run` lists the
        checks that could not run.

    Raises:
        ConfigError: `dataset` is something else, a path perhaps.
    """
    check_dataset(dataset)
    if contents is None:
        contents = dataset.contents(progress=progress)
    evidence = Evidence(dataset=dataset, contents=contents, predictions=predictions)
    found: list[Finding] = []
    not_run: list[NotRun] = []
    for check in CHECKS.values():
        if reason := check.missing(evidence):
            not_run.append(NotRun(check=check.name, reason=reason))
        else:
            found.extend(check.find(evidence))
    return Findings(found, not_run=not_run)

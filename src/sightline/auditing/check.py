"""What a check is: a name, a severity policy and one function from evidence to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sightline.auditing.copies import near_copies
from sightline.dataset import Content, Dataset, Finding, Groups, Row, content_groups
from sightline.dataset.record import aligned
from sightline.errors import ConfigError
from sightline.predictions import Predictions

NEEDS: Mapping[str, str] = {
    "predictions": "needs the answers of a model: `sightline audit DATA --with MODEL`"
}
"""What a check may need beside the images: an attribute of `Evidence`, and how it is asked for."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What checks look at. What is costly is computed once, when a check first asks for it.

    Args:
        dataset: The images.
        contents: Aligned with its rows.
        predictions: Of a model that did not learn from these images, aligned with the rows;
            None if there is none, and checks that need them are not run.

    Raises:
        ConfigError: `predictions` are of other images.
    """

    dataset: Dataset
    contents: Sequence[Content]
    predictions: Predictions | None = None

    def __post_init__(self) -> None:
        names = tuple(row.name for row in self.dataset.rows)
        if self.predictions is not None and self.predictions.names != names:
            raise ConfigError(
                "The predictions are not of these images, in this order.",
                expected=f"{len(names)} rows with the names of the dataset's",
                fix="predict the images of the same dataset",
                code="not_aligned",
            )

    @cached_property
    def pairs(self) -> tuple[tuple[Row, Content], ...]:
        """Each row with its content."""
        return tuple(aligned(self.dataset.rows, self.contents))

    @cached_property
    def copies(self) -> tuple[tuple[Row, ...], ...]:
        """Sets of two or more rows with identical content."""
        sets: dict[str, list[Row]] = {}
        for row, content in self.pairs:
            if content.digest:
                sets.setdefault(content.digest, []).append(row)
        return tuple(tuple(rows) for rows in sets.values() if len(rows) > 1)

    @cached_property
    def near_copies(self) -> tuple[tuple[tuple[Row, Content], ...], ...]:
        """Sets of nearly identical images, not all of them identical: see `copies`."""
        crowded = {
            content.digest
            for content, is_in in zip(self.contents, self.groups.crowded, strict=True)
            if is_in
        }
        return near_copies(self.pairs, crowded=crowded)

    @cached_property
    def groups(self) -> Groups:
        """What a split will keep together."""
        return content_groups(self.contents, [row.group for row in self.dataset.rows])


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that can be wrong with data.

    Args:
        name: The word for `--allow` and `--without`; its findings carry it.
        title: What it looks for, in a few words.
        find: The findings, a pure function of the evidence.
        may_allow: Whether `--allow` may go on in spite of its errors.
        may_leave_out: Whether `--without` can drop what it found.
        needs: A key of `NEEDS`, or empty; a check whose need is missing is not run, and listed.
        obstacle: Why else it cannot say anything about these data, or empty.
    """

    name: str
    title: str
    find: Callable[[Evidence], Iterable[Finding]]
    may_allow: bool = True
    may_leave_out: bool = False
    needs: str = ""
    obstacle: Callable[[Evidence], str] = lambda evidence: ""

    def missing(self, evidence: Evidence) -> str:
        """Return why the check cannot run, in a few words; empty if it can."""
        has_all = not self.needs or getattr(evidence, self.needs) is not None
        return self.obstacle(evidence) if has_all else NEEDS[self.needs]

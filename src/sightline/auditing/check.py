"""What a check is: a name, a severity policy and one function from evidence to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from sightline.dataset import Content, Dataset, Finding, Groups, Row, content_groups
from sightline.dataset.record import aligned


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What checks look at. What is costly is computed once, when a check first asks for it.

    Args:
        dataset: The images.
        contents: Aligned with its rows.
    """

    dataset: Dataset
    contents: Sequence[Content]

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
    """

    name: str
    title: str
    find: Callable[[Evidence], Iterable[Finding]]
    may_allow: bool = True
    may_leave_out: bool = False

"""What is asked of a model's answers, read and checked before anything is computed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from sightline.errors import ConfigError, unknown_name
from sightline.evaluation.abstaining import check_share
from sightline.files import printable
from sightline.predictions import Task

_AIM = re.compile(r"(?P<kind>f1|recall|cost)\[(?P<name>.+)\](?P<rest>.*)", re.DOTALL)
_NUMBER = r"(\d+\.?\d*(?:e-?\d+)?|\.\d+)"
_NUMBERS: Mapping[str, str] = {
    "f1": r"",
    "recall": rf"\s*>=\s*{_NUMBER}",
    "cost": rf"\s*=\s*{_NUMBER}\s*:\s*{_NUMBER}",
}


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the answers of a model are to be like.

    Attributes:
        max_error: At most this share of the answers given may be wrong; for multi-label, of the
            decisions on each label.
        coverage: At least this share of the images gets an answer.
        aims: Thresholds: `f1[CLASS]`, `recall[CLASS]>=0.98`, `cost[CLASS]=MISS:FALSE_ALARM`.
        answer_all: Drop the limits: every image gets an answer.

    Raises:
        ConfigError: Wishes that contradict each other.
    """

    max_error: float | None = None
    coverage: float | None = None
    aims: tuple[str, ...] = ()
    answer_all: bool = False

    def __post_init__(self) -> None:
        limits = [self.max_error is not None, self.coverage is not None, self.answer_all]
        if sum(limits) > 1:
            raise ConfigError(
                "More than one of --max-error, --coverage and --answer-all.",
                expected="one of them: each sets the same limit",
                fix="leave out the others",
                code="bad_wish",
            )

    def __bool__(self) -> bool:
        return self != Wish()

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Wish:
        """Return what `to_json` gave.

        Raises:
            ConfigError, TypeError: It is not that.
        """
        return cls(**{**value, "aims": tuple(value.get("aims", ()))})

    def to_json(self) -> dict[str, Any]:
        """Return what is wished for as JSON values; nothing where nothing is."""
        return {name: _plain(value) for name, value in asdict(self).items() if value}

    def after(self, earlier: Wish, classes: Sequence[str], task: Task) -> Wish:
        """Return what is wished for in all, where this wish comes after an earlier one.

        Another threshold for the same decision replaces the earlier one, another limit the earlier
        limit; and a limit ends with the thresholds that it was shown for.
        """
        new = {aim.name for aim in check_wish(self, classes, task)}
        kept = [
            text
            for text, aim in zip(earlier.aims, check_wish(earlier, classes, task), strict=True)
            if aim.name not in new and (task == "multi_label" or not new)
        ]
        limit = self if self.limited or self.answer_all or new else earlier
        return replace(limit, aims=(*kept, *self.aims))

    @property
    def limited(self) -> bool:
        """Whether a limit for "unsure" is wished for."""
        return self.max_error is not None or self.coverage is not None

    @property
    def parts(self) -> tuple[Wish, ...]:
        """Wishes that fulfilled in order fulfil this one: where one cannot be, the others may."""
        limit = Wish(max_error=self.max_error, coverage=self.coverage, answer_all=self.answer_all)
        return (*(Wish(aims=(aim,)) for aim in self.aims), *((limit,) if limit else ()))

    @property
    def needs_images(self) -> bool:
        """Whether images that calibrated are needed: costs alone need none."""
        return self.limited or any(not aim.strip().startswith("cost[") for aim in self.aims)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


class Aim(NamedTuple):
    """One wish for a threshold.

    Attributes:
        kind: `"f1"`, `"recall"` or `"cost"`.
        name: The class.
        numbers: What stands behind it.
    """

    kind: str
    name: str
    numbers: tuple[float, ...]


def check_wish(wish: Wish, classes: Sequence[str], task: Task) -> tuple[Aim, ...]:
    """Check a wish, before there is a model or with it, and return its aims.

    Raises:
        ConfigError: An aim cannot be read, names no class or is one of two for the same decision,
            or a share is not one.
    """
    aims = tuple(_read_aim(aim, classes, task) for aim in wish.aims)
    decisions = [aim.name if task == "multi_label" else "" for aim in aims]
    if len(set(decisions)) < len(decisions):
        raise ConfigError(
            f"Two aims for one decision: {', '.join(map(printable, wish.aims))}.",
            expected="one aim for each label, and one in all for a model with two classes",
            fix="leave one of them out",
            code="bad_aim",
        )
    for name, share in (("max_error", wish.max_error), ("coverage", wish.coverage)):
        if share is not None:
            check_share(name, share)
    return aims


def _read_aim(text: str, classes: Sequence[str], task: Task) -> Aim:
    match = _AIM.fullmatch(text.strip())
    numbers = re.fullmatch(_NUMBERS[match["kind"]], match["rest"].rstrip()) if match else None
    if match is None or numbers is None:
        raise ConfigError(
            f"The aim {printable(text)!r} cannot be read.",
            expected="f1[CLASS], recall[CLASS]>=0.98 or cost[CLASS]=MISS:FALSE_ALARM",
            fix='for example --aim "recall[defect]>=0.98"',
            code="bad_aim",
        )
    name = match["name"]
    if name not in classes and len(name) > 2 and name[0] == name[-1] and name[0] in "\"'":
        name = name[1:-1]
    if name not in classes:
        raise unknown_name("class", name, classes)
    if task == "multi_class" and len(classes) != 2:
        raise ConfigError(
            f"A threshold for one of {len(classes)} classes is not defined.",
            expected="a model with two classes, or a multi-label model",
            fix="leave --aim out; --max-error and --coverage work for any number of classes",
            code="not_defined",
        )
    return Aim(match["kind"], name, tuple(map(float, numbers.groups())))

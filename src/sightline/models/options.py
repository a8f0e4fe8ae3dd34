"""What an option of a backbone may be: its default, its kind and its range, as data.

TensorFlow-free. Values are checked here and nowhere else, so a value that reaches a
builder is one that it can build: an architecture read from a file cannot ask for a
network of a billion filters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sightline.errors import ConfigError, did_you_mean

Value = bool | int | float | str | tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option. The type of `default` is the type of every value.

    Attributes:
        default: The value where none is given.
        meaning: One sentence for people.
        choices: The only values allowed, for text.
        low: The smallest number allowed (of each number, in a sequence).
        high: The largest.
        most: The longest sequence allowed.
    """

    default: Value
    meaning: str
    choices: tuple[str, ...] = ()
    low: float = 0
    high: float = math.inf
    most: int = 16

    def check(self, name: str, value: Any) -> Value:
        """Return `value` as this option's type.

        Raises:
            ConfigError: The type or the range is wrong.
        """
        checked = self._converted(value)
        if checked is None:
            raise ConfigError(
                f"The option {name} is {value!r}.", expected=self._expected(), code="bad_option"
            )
        return checked

    def _converted(self, value: Any) -> Value | None:
        if isinstance(self.default, bool):
            return value if isinstance(value, bool) else None
        if isinstance(self.default, str):
            return value if isinstance(value, str) and value in self.choices else None
        if isinstance(self.default, tuple):
            return self._sequence(value)
        return self._number(value)

    def _sequence(self, value: Any) -> tuple[int, ...] | None:
        if not isinstance(value, Sequence) or isinstance(value, str | bytes):
            return None
        numbers = tuple(number for number in value if _is_whole(number) and self._inside(number))
        return numbers if len(numbers) == len(value) and 1 <= len(numbers) <= self.most else None

    def _number(self, value: Any) -> int | float | None:
        if isinstance(self.default, int):
            return value if _is_whole(value) and self._inside(value) else None
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if number and self._inside(value) else None

    def _inside(self, number: float) -> bool:
        return self.low <= number <= self.high

    def _expected(self) -> str:
        if isinstance(self.default, bool):
            return "true or false"
        if isinstance(self.default, str):
            return "one of " + ", ".join(self.choices)
        spread = f"from {self.low:g} to {self.high:g}"
        if isinstance(self.default, tuple):
            return f"1 to {self.most} whole numbers {spread}"
        kind = "a whole number" if isinstance(self.default, int) else "a number"
        return f"{kind} {spread}"


def complete(
    options: Mapping[str, Option], given: Mapping[str, Any], *, owner: str
) -> dict[str, Value]:
    """Return every option of `options` with its given or default value, in the table's order.

    Args:
        options: The options that exist.
        given: The ones that were chosen.
        owner: Whose options they are, for the error.

    Raises:
        ConfigError: An unknown name, or a value of a wrong type or out of range.
    """
    for name in given:
        if name not in options:
            raise ConfigError(
                f"{owner} has no option {name!r}.{did_you_mean(str(name), options)}",
                expected="one of " + ", ".join(options) if options else "no options",
                code="unknown_option",
            )
    return {
        name: option.check(name, given.get(name, option.default))
        for name, option in options.items()
    }


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)

"""Options that several commands share: how they are written, read and explained."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from sightline.errors import ConfigError
from sightline.files import printable

Seed = Annotated[int, typer.Option("--seed", min=0, help="Everything random comes from it.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the file that is there.")]
Trust = Annotated[
    bool,
    typer.Option("--trust", help="Run a SavedModel, .keras or .h5 file: they are programs."),
]
Allow = Annotated[
    list[str] | None,
    typer.Option("--allow", metavar="CHECK", help="Go on in spite of this finding; repeatable."),
]
Require = Annotated[
    list[str] | None,
    typer.Option(
        "--require",
        metavar="REQUIREMENT",
        help="What the figures must show, such as accuracy>=0.9; repeatable.",
    ),
]
Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA", help="A folder ROOT/CLASS/*, a manifest (.csv, .jsonl) or an .npz file."
    ),
]
Model = Annotated[
    Path, typer.Argument(metavar="MODEL", help="A .sightline file, as `sightline train` writes it.")
]

On = Annotated[
    str,
    typer.Option(help="Which images: test or validation, as the model's record has them, or new."),
]
MaxError = Annotated[
    float | None,
    typer.Option(
        "--max-error",
        metavar="SHARE",
        help='Answer "unsure" so that at most this share of the answers is wrong.',
        show_default=False,
    ),
]
Coverage = Annotated[
    float | None,
    typer.Option(
        "--coverage",
        metavar="SHARE",
        help='Answer "unsure" so that at least this share of the images gets an answer.',
        show_default=False,
    ),
]
Aim = Annotated[
    list[str] | None,
    typer.Option(
        "--aim",
        metavar="AIM",
        help="A threshold: f1[CLASS], recall[CLASS]>=0.98, cost[CLASS]=10:1; repeatable.",
    ),
]

ModelOrName = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help="A .sightline file, or a ready-made ImageNet model's name."
    ),
]
Images = Annotated[
    list[str],
    typer.Argument(metavar="IMAGES...", help="Files, folders and quoted patterns."),
]


def parse_image_size(text: str) -> tuple[int, int]:
    """Read `224` or `HEIGHTxWIDTH` as (height, width).

    Raises:
        ConfigError: `text` is neither.
    """
    match = re.fullmatch(r"(\d{1,5})(?:[x×](\d{1,5}))?", text)
    if match is None:
        raise ConfigError(
            f"--image-size is {text!r}.",
            expected="one side in pixels, or HEIGHTxWIDTH",
            fix="--image-size 224, or --image-size 160x224",
            code="bad_image_size",
        )
    return int(match[1]), int(match[2] or match[1])


def parse_numbers(option: str, words: Sequence[str], *, expected: str) -> dict[str, float]:
    """Read words like `CLASS=0.5`; a class name may hold an equals sign.

    Raises:
        ConfigError: A word is none of that kind.
    """
    found = {}
    for word in words:
        name, equals, number = word.rpartition("=")
        try:
            found[name] = float(number)
        except ValueError:
            equals = ""
        if not equals or not name:
            raise ConfigError(
                f"{option} is {printable(word)!r}.",
                expected=expected,
                fix=f"for example {option} defect=0.5",
                code="bad_number_of_class",
            )
    return found


def parse_split(text: str) -> tuple[float, float, float]:
    """Read the shares of train, validation and test, as in `0.8,0.1,0.1`.

    Raises:
        ConfigError: `text` is not three numbers; whether they are shares is asked later.
    """
    try:
        train, validation, test = map(float, text.split(","))
    except ValueError:
        raise ConfigError(
            f"--split is {text!r}.",
            expected="three shares that sum to 1: of train, validation and test",
            fix="--split 0.8,0.1,0.1",
            code="bad_fractions",
        ) from None
    return train, validation, test


def parse_options(words: Sequence[str]) -> dict[str, Any]:
    """Read `NAME=VALUE` words; values are JSON where they can be, text otherwise.

    Raises:
        ConfigError: A word has no name or no `=`.
    """
    options: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise ConfigError(
                f"--option is {word!r}.", expected="NAME=VALUE, for example alpha=0.5"
            )
        try:
            options[name] = json.loads(text)
        except ValueError:
            options[name] = text
    return options


def cache_bytes(size: float | None) -> int | None:
    """Return gigabytes as bytes; `None` leaves the choice to the cache.

    Raises:
        ConfigError: `size` is negative or not finite.
    """
    if size is None:
        return None
    if not 0 <= size < math.inf:
        raise ConfigError(
            f"--cache-size is {size}.",
            expected="gigabytes, 0 or more",
            fix="--cache-size 5",
            code="out_of_range",
        )
    return int(size * 1e9)

"""The model card: what a model is for, and what it is not, in the words of its makers.

A TOML file that people fill in; everything in it is optional, and a key that is not known is an
error and never passed over.

Source: M. Mitchell et al., "Model cards for model reporting", FAT* 2019, 220-229.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

from sightline.errors import ConfigError, did_you_mean
from sightline.files import printable

_LARGEST = 2**20

_ABOUT = {
    "name": "What the model is called.",
    "version": "Which version this is.",
    "owners": "Who answers for it.",
    "contact": "Where questions go.",
    "license": "Under which terms it may be used.",
    "summary": "What it does, in two sentences.",
    "intended_use": "What it is made for, and who uses it.",
    "out_of_scope": "What it must not be used for.",
    "training_data": "Where the training images come from, and who labelled them how.",
    "evaluation_data": "How the images that judge differ from those that it will meet.",
    "limits": "Where it is known to fail.",
    "ethics": "Whom a mistake may harm, and what is done about it.",
    "recommendations": "What its users should do or avoid.",
}


@dataclass(frozen=True, kw_only=True)
class Card:
    """The answers; each a text or several, and empty where nothing was said.

    Attributes:
        name: What the model is called.
        version: Which version this is.
        owners: Who answers for it.
        contact: Where questions go.
        license: Under which terms it may be used.
        summary: What it does.
        intended_use: What it is made for.
        out_of_scope: What it must not be used for.
        training_data: Where the training images come from.
        evaluation_data: How the images that judge differ from those that it will meet.
        limits: Where it is known to fail.
        ethics: Whom a mistake may harm.
        recommendations: What its users should do or avoid.
    """

    name: tuple[str, ...] = ()
    version: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    contact: tuple[str, ...] = ()
    license: tuple[str, ...] = ()
    summary: tuple[str, ...] = ()
    intended_use: tuple[str, ...] = ()
    out_of_scope: tuple[str, ...] = ()
    training_data: tuple[str, ...] = ()
    evaluation_data: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    ethics: tuple[str, ...] = ()
    recommendations: tuple[str, ...] = ()


def read_card(path: str | os.PathLike[str]) -> Card:
    """Read a card from a TOML file: each key a text or a list of texts.

    Raises:
        ConfigError: The file cannot be read, is no TOML, or has a key or value that is not known.
    """
    shown = printable(path)
    try:
        data = Path(path).read_bytes()
        if len(data) > _LARGEST:
            raise ValueError(f"it has {len(data):,} bytes")
        content = tomllib.loads(data.decode())
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{shown} cannot be read as a model card: {error}.",
            expected="a TOML file",
            fix="sightline report --card-template > card.toml",
            code="bad_card",
        ) from error
    known = [item.name for item in fields(Card)]
    for key in content:
        if key not in known:
            raise ConfigError(
                f"{shown} has the unknown key {printable(key)!r}.{did_you_mean(key, known)}",
                expected=f"keys among {', '.join(known)}",
                code="unknown_card_key",
            )
    return Card(**{key: _texts(value, key, shown) for key, value in content.items()})


def card_template() -> str:
    """Return a card to fill in, as TOML: every key, with what belongs there as a comment."""
    head = "# The model card of a Sightline report. A key left empty is left out of the page;\n"
    head += '# a list is several points: limits = ["Dark photos.", "More than one article."]\n'
    return head + "".join(f'\n# {about}\n{key} = ""\n' for key, about in _ABOUT.items())


def _texts(value: object, key: str, shown: str) -> tuple[str, ...]:
    given = value if isinstance(value, list) else [value]
    texts = [text for text in given if isinstance(text, str)]
    if len(texts) < len(given):
        raise ConfigError(
            f"{shown}: {key} is {printable(repr(value))}.",
            expected="a text in quotes, or a list of them",
            code="bad_card",
        )
    return tuple(" ".join(text.split()) for text in texts if text.strip())

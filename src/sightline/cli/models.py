"""`sightline models`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sightline.cli.console import Console
from sightline.models import BACKBONES, BackboneCard, backbone_card


def models(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="A backbone, to see its whole card.", metavar="NAME")
    ] = None,
) -> None:
    """List the model architectures, or show the card of one.

    Each can be trained with: sightline train DATA --backbone NAME
    """
    console: Console = context.obj
    cards = list(BACKBONES.values()) if name is None else [backbone_card(name)]
    if console.as_json:
        documents = [_document(card) for card in cards]
        console.document({"schema": "models", "schema_version": "1.0", "models": documents})
    elif name is None:
        _list(console, cards)
    else:
        _card(console, cards[0])


def _document(card: BackboneCard) -> dict[str, Any]:
    return {
        "name": card.name,
        "title": card.title,
        "weights": list(card.weights),
        "parameters": card.parameters,
        "size_mb": card.size_mb,
        "default_size": list(card.default_size),
        "minimum_size": list(card.minimum_size),
        "embedding": card.embedding,
        "scaling": card.scaling,
        "feature_layer": card.feature_layer,
        "fine_tuning_rate": card.fine_tuning_rate,
        "licence": card.licence,
        "source": card.source,
        "options": {
            name: {
                "default": option.default,
                "choices": list(option.choices),
                "meaning": option.meaning,
            }
            for name, option in card.options.items()
        },
    }


def _list(console: Console, cards: list[BackboneCard]) -> None:
    numbers = ("millions", "MB")
    console.table(
        ["name", "weights", *numbers, "image", "licence"],
        [
            (
                card.name,
                " ".join(card.weights) or "-",
                f"{card.parameters / 1e6:.1f}",
                f"{card.size_mb:.0f}" if card.size_mb >= 10 else f"{card.size_mb:.1f}",
                _size(card.default_size),
                card.licence,
            )
            for card in cards
        ],
        right=numbers,
    )


def _card(console: Console, card: BackboneCard) -> None:
    console.line(f"{card.name}: {card.title}", style="bold")
    facts = (
        ("weights", ", ".join(card.weights) or "none published: trained from scratch"),
        ("parameters", f"{card.parameters:,} without the head ({card.size_mb:g} MB)"),
        ("image size", f"{_size(card.default_size)}, at least {_size(card.minimum_size)}"),
        ("scaling", card.scaling),
        ("embedding", str(card.embedding)),
        ("feature layer", card.feature_layer),
        ("fine-tuning rate", f"{card.fine_tuning_rate:g}" if card.weights else "-"),
        ("licence", card.licence),
        ("source", card.source),
    )
    console.table(["", ""], facts)
    if card.options:
        console.line("Options", style="bold")
        rows = [(name, _value(o.default), o.meaning) for name, o in card.options.items()]
        console.table(["name", "default", "meaning"], rows)


def _value(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _size(size: tuple[int, int]) -> str:
    """Return (height, width) as people write it: `width×height`."""
    return f"{size[1]}×{size[0]}"

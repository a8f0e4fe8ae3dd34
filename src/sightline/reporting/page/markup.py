"""Text that enters a page: made printable, then escaped, in this order and everywhere.

A class name or file name is written by strangers. Nothing of it is ever markup, and nothing of
it can reorder or hide what stands beside it: names are set in `<bdi>`, overrides are escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from markupsafe import Markup, escape

from sightline.files import printable

_LONGEST = 80
_VOID = ("input",)


def text(value: object) -> str:
    """Return a value as text that hides nothing; `Markup` stays what it is."""
    return value if isinstance(value, Markup) else printable(str(value))


def name(value: str, *, most: int = _LONGEST) -> Markup:
    """Return a name of a stranger's as inline markup; a very long one shortened, whole on hover."""
    shown = printable(value)
    if len(shown) <= most:
        return tag("bdi", {}, shown)
    return tag("bdi", {"title": shown}, shortened(value, most))


def names(values: Iterable[str], *, none: str = "none") -> Markup:
    """Return names with commas between them."""
    return Markup(", ").join(name(value) for value in values) or Markup.escape(none)


def shortened(value: str, most: int) -> str:
    """Return a printable name of at most `most` letters."""
    shown = printable(value)
    return shown if len(shown) <= most else shown[: most - 1].rstrip() + "…"


def prose(sentence: str) -> Markup:
    """Return a sentence whose words between backticks are set as code."""
    parts = sentence.split("`")
    return joined(tag("code", {}, part) if place % 2 else part for place, part in enumerate(parts))


def tag(kind: str, attributes: Mapping[str, object], *content: object) -> Markup:
    """Return an element with its content and attributes escaped.

    Args:
        kind: The element, as `"rect"`.
        attributes: Those that are None are left out; numbers are written short.
        content: Texts and `Markup`; none for an empty element.
    """
    given = "".join(
        f' {key}="{_attribute(value)}"' for key, value in attributes.items() if value is not None
    )
    # Both halves are escaped above and in `joined`; kinds and keys are our own words.
    if kind in _VOID:
        return Markup(f"<{kind}{given}>")
    return Markup(f"<{kind}{given}>{joined(content)}</{kind}>")


def joined(parts: Iterable[object]) -> Markup:
    """Return parts escaped, one after the other."""
    return Markup("".join(escape(text(part)) for part in parts))


def number(value: float) -> str:
    """Return a coordinate in as few letters as a hundredth of a pixel takes."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _attribute(value: object) -> str:
    return number(value) if isinstance(value, float) else escape(text(value))

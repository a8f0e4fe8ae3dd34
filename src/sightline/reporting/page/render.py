"""Facts become the text of one HTML file.

The page fetches nothing and runs nothing but one small script of our own, whose digest the
page's content security policy names: a browser would refuse any other. It is whole without it.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import sightline
from sightline.reporting.facts import DataFacts, Facts
from sightline.reporting.page.blocks import Album, Block
from sightline.reporting.page.markup import prose, text
from sightline.reporting.page.section import NotRun, Page
from sightline.reporting.page.sentences import readable
from sightline.reporting.page.table import AUDIT, REPORT
from sightline.reporting.thumbnails import Pictures


@dataclass(frozen=True, kw_only=True)
class _Filled:
    """A section with its content."""

    id: str
    title: str
    blocks: tuple[Block, ...]


def render_page(facts: DataFacts, *, pictures: Pictures | None = None) -> str:
    """Return the whole page; the same facts and pictures give the same text.

    Args:
        facts: What it says.
        pictures: What it shows; without them, images are only named.
    """
    pictures, page = pictures or Pictures(), _page(facts)
    filled, missing = [], []
    for section in page.sections.values():
        album = Album(
            thumbnails=pictures.thumbnails,
            overlays=pictures.overlays,
            most_bytes=section.picture_bytes,
        )
        content = section.fill(facts, album)
        if isinstance(content, NotRun):
            missing.append((section.title, facts.reasons.get(section.id, content.reason)))
        else:
            filled.append(_Filled(id=section.id, title=section.title, blocks=content))
    script = _source("page.js")
    template = _environment().get_template("page.html")
    return template.render(
        page=page,
        facts=facts,
        sections=filled,
        missing=missing,
        style=_source("page.css"),
        script=script,
        script_digest=_digest(script),
        version=sightline.__version__,
        prose=prose,
        readable=readable,
    )


def names_wanted(facts: DataFacts) -> tuple[str, ...]:
    """Return the names of all images that the page would show, the most wanted first."""
    wanted = (name for section in _page(facts).sections.values() for name in section.names(facts))
    return tuple(dict.fromkeys(wanted))


def _page(facts: DataFacts) -> Page[Any]:
    return REPORT if isinstance(facts, Facts) else AUDIT


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("sightline.reporting.page", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=text,  # whatever a stranger wrote is printable, before it is escaped
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _source(name: str) -> Markup:
    """Return one of our own files as it is; a template would change what the digest is of."""
    environment = _environment()
    if environment.loader is None:
        raise ValueError("an environment without templates")
    return Markup(environment.loader.get_source(environment, name)[0])


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")

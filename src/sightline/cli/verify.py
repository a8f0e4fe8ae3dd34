"""`sightline verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sightline.cli.console import Console
from sightline.cli.options import Allow, Trust
from sightline.cli.proof import proof_lines
from sightline.cli.quiet import without_start_messages
from sightline.cli.reading import read_images
from sightline.errors import ConfigError
from sightline.files import printable
from sightline.inference.card import read_card
from sightline.models.bundle import read_bundle
from sightline.workflows.export import find_images
from sightline.workflows.verify import Verified, check_source
from sightline.workflows.verify import verify as check

_AS_WRITTEN = "the same as when it was written; its source was not asked (DATA --against MODEL)"


def verify(
    context: typer.Context,
    export: Annotated[
        Path, typer.Argument(metavar="EXPORT", help="What `sightline export` wrote.")
    ],
    data: Annotated[
        Path | None,
        typer.Argument(metavar="[DATA]", help="What the source was trained from."),
    ] = None,
    *,
    against: Annotated[
        Path | None,
        typer.Option(metavar="MODEL", help="Its source, a .sightline file.", show_default=False),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="The |Δp| allowed, instead of the format's own.", show_default=False
        ),
    ] = None,
    trust: Trust = False,
    allow: Allow = None,
) -> None:
    """Is it the same? An export against its source.

    Without DATA and --against it is run on the drawn pixels that travel with it; with them also on
    validation images, known by content.
    """
    console: Console = context.obj
    if (data is None) != (against is None):
        raise ConfigError(
            "DATA and --against belong together.",
            expected="both, to compare on real images; or neither",
            fix=f"sightline verify {printable(export)} DATA --against MODEL",
            code="missing_option",
        )
    bundle = images = None
    if data is not None and against is not None:
        bundle = read_bundle(against)
        check_source(read_card(export), bundle, printable(export), printable(against))
        images = find_images(bundle, *read_images(console, data, allow))
    with without_start_messages():
        verified = check(export, bundle, images, tolerance=tolerance, trust=trust)
    if console.as_json:
        document = {"schema": "verify", "schema_version": "1.0", "export": printable(export)}
        console.document({**document, **verified.to_json()})
    else:
        _tell(console, verified, export)


def _tell(console: Console, verified: Verified, path: Path) -> None:
    card, golden = verified.card, verified.golden
    for note in verified.notes:
        console.warning(note)
    console.line(f"{printable(path)}: {card.format} in {card.precision}")
    console.line(f"on {golden.n} drawn images: |Δp| up to {golden.max_difference:.2g}")
    for line in () if verified.proof is None else proof_lines(verified.proof):
        console.line(line)
    console.line("the same" if verified.proof else _AS_WRITTEN)

"""`sightline stress`."""

from __future__ import annotations

from typing import Annotated

import typer

from sightline.cli.console import Console
from sightline.cli.looks import tell_looks
from sightline.cli.options import Allow, Data, Model, On, Seed
from sightline.cli.quiet import without_start_messages
from sightline.cli.reading import read_images
from sightline.files import printable
from sightline.inference import LiteRTRunner
from sightline.models.bundle import read_bundle
from sightline.reporting.stress import stress_lines
from sightline.workflows.evaluate import check_labels, select
from sightline.workflows.looks import record_look
from sightline.workflows.stress import sample_images, stress_images


def stress(
    context: typer.Context,
    model: Model,
    data: Data,
    *,
    on: On = "test",
    images: Annotated[
        int, typer.Option(min=1, help="At most so many images, of each class in proportion.")
    ] = 200,
    seed: Seed = 0,
    allow: Allow = None,
) -> None:
    """Does it stand worse photos? Blur, compression, light, tilt, noise.

    Held-out images are made worse by degrees, before the model's preprocessing.
    Each answer is compared with the answer to the same image as it is.
    """
    console: Console = context.obj
    bundle = read_bundle(model)
    dataset, contents = read_images(console, data, allow)
    selection = select(dataset, contents, bundle.record(), on=on)
    with without_start_messages():
        runner = LiteRTRunner(bundle)
    check_labels(runner, selection)
    pairs = list(zip(selection.rows, selection.contents, strict=True))
    sample = sample_images(pairs, most=images, seed=seed)
    with console.progress("Stressing images") as progress:
        stressed = stress_images(runner, sample, progress=progress)
    looks = record_look(
        model,
        bundle,
        command="stress",
        part=on,
        images=[content.digest for _, content in sample],
        accuracy=stressed.clean.value,
    )
    tell_looks(console, looks)
    if console.as_json:
        console.document(
            {
                "schema": "stress",
                "schema_version": "1.0",
                "model": printable(model),
                "data": printable(data),
                "part": on,
                "available": len(selection.rows),
                "seed": seed,
                **stressed.to_json(),
                "looks": looks and looks.to_json(),
            }
        )
        return
    console.line(f"{len(sample):,} of {len(selection.rows):,} images of the part {on!r}")
    for line in stress_lines(stressed):
        console.line(line)

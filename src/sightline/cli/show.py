"""`sightline show`."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Annotated

import typer

from sightline.cli.console import Console
from sightline.cli.findings import tell_findings
from sightline.cli.options import Allow, Data, Overwrite, Seed, parse_image_size
from sightline.dataset import Dataset
from sightline.errors import ConfigError, unknown_name
from sightline.files import free_path, printable, write_bytes
from sightline.images import Preprocessing
from sightline.models import backbone_card
from sightline.models.bundle import read_bundle

_BACKBONE = "mobilenet_v2"


def show(
    context: typer.Context,
    data: Data,
    *,
    augment: Annotated[
        str,
        typer.Option(
            metavar="PRESET", help="Also show each image augmented: shift, light, strong."
        ),
    ] = "none",
    save: Annotated[Path, typer.Option(metavar="FILE.png", help="Where the picture goes.")] = Path(
        "seen.png"
    ),
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.sightline", help="Show what this model sees; sets size and fit."
        ),
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Show it at this backbone's own size.", show_default=_BACKBONE
        ),
    ] = None,
    image_size: Annotated[
        str | None,
        typer.Option(metavar="HEIGHTxWIDTH", help="The model's input, for example 224 or 160x224."),
    ] = None,
    channels: Annotated[
        int | None, typer.Option(help="3 for colour, 1 for grey.", show_default="3")
    ] = None,
    fit: Annotated[
        str | None,
        typer.Option(
            help="How an image is made to fit: squash, pad, crop.",
            show_default=Preprocessing().fit,
        ),
    ] = None,
    per_class: Annotated[int, typer.Option(help="Images of each class, 1 to 12.")] = 4,
    seed: Seed = 0,
    allow: Allow = None,
    overwrite: Overwrite = False,
) -> None:
    """Save a picture of exactly what the model will see of each class.

    Wrong crops, rotations, colours and labels are seen in ten seconds, before hours of training.
    """
    from sightline.batches import PRESETS
    from sightline.workflows.show import show as draw

    console: Console = context.obj
    if augment not in PRESETS:
        raise unknown_name("augmentation", augment, PRESETS)
    path = free_path(save, suffixes=(".png",), overwrite=overwrite)
    preprocessing = _preprocessing(
        model=model, backbone=backbone, image_size=image_size, channels=channels, fit=fit
    )
    dataset = Dataset.open(data, allow=allow or ())
    tell_findings(console, dataset.notices)
    augmentation = None if augment == "none" else PRESETS[augment]
    shown = draw(dataset, preprocessing, augmentation=augmentation, per_class=per_class, seed=seed)
    content = io.BytesIO()
    shown.picture.save(content, "PNG")
    write_bytes(path, content.getvalue())
    if console.as_json:
        console.document(
            {
                "schema": "show",
                "schema_version": "1.0",
                "picture": printable(path),
                "data": printable(data),
                "images": shown.images,
                "classes": [printable(name) for name in shown.classes],
                "unreadable": [printable(name) for name in shown.unreadable],
                "preprocessing": preprocessing.to_json(),
                "augmentation": None if augmentation is None else augmentation.to_json(),
                "seed": seed,
            }
        )
        return
    console.line(f"{printable(path)}: {shown.images} images of {len(shown.classes)} classes.")
    if shown.unreadable:
        names = ", ".join(map(printable, shown.unreadable))
        console.warning(f"{len(shown.unreadable)} of them cannot be read: {names}")


def _preprocessing(
    *,
    model: Path | None,
    backbone: str | None,
    image_size: str | None,
    channels: int | None,
    fit: str | None,
) -> Preprocessing:
    if model is None:
        card = backbone_card(backbone or _BACKBONE)
        height, width = parse_image_size(image_size) if image_size else card.default_size
        return Preprocessing(
            height=height,
            width=width,
            channels=3 if channels is None else channels,
            fit=fit or Preprocessing().fit,
        )
    given = {
        "--backbone": backbone,
        "--image-size": image_size,
        "--channels": channels,
        "--fit": fit,
    }
    idle = [name for name, value in given.items() if value is not None]
    if idle:
        raise ConfigError(
            f"{', '.join(idle)} would have no effect: the model has its own.",
            fix=f"leave out {', '.join(idle)}, or leave out --model",
            code="option_without_effect",
        )
    return read_bundle(model).preprocessing

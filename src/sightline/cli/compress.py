"""`sightline compress`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightline.cli.console import Console
from sightline.cli.looks import tell_looks
from sightline.cli.options import (
    Allow,
    Model,
    Overwrite,
    cache_bytes,
    parse_image_size,
    parse_options,
)
from sightline.cli.quiet import without_start_messages
from sightline.cli.watching import ConsoleWatcher
from sightline.files import load_attribute, load_module, printable
from sightline.reporting.comparison import verdict_line
from sightline.workflows.compressing import CompressResult, Request, Size, plan_compression

if TYPE_CHECKING:
    from sightline.workflows.compressing import Plan

_METHOD = "The method"
_STUDENT = "The student (distill)"
_RUN = "The run"
_SECOND = "The smaller model"


def _option(panel: str, text: str, *names: str, metavar: str | None = None) -> Any:
    return typer.Option(
        *names, rich_help_panel=panel, help=text, metavar=metavar, show_default=False
    )


def compress(
    context: typer.Context,
    model: Model,
    data: Annotated[Path, typer.Argument(metavar="DATA", help="What the model was trained from.")],
    *,
    method: Annotated[str, _option(_METHOD, "distill, channels, magnitude, int8.", metavar="NAME")],
    save: Annotated[Path, _option(_RUN, "Where the smaller model goes.", metavar="FILE")],
    keep: Annotated[
        float | None,
        _option(
            _METHOD,
            "Share of the multiply-adds that stays (channels); 0.5 by default.",
            metavar="SHARE",
        ),
    ] = None,
    sparsity: Annotated[
        float | None,
        _option(
            _METHOD,
            "Share of the weights that become zero (magnitude); 0.5 by default.",
            metavar="SHARE",
        ),
    ] = None,
    epochs: Annotated[int | None, _option(_METHOD, "Passes over the training images.")] = None,
    option: Annotated[
        list[str] | None,
        _option(
            _METHOD,
            "Another option of the method (docs/compression.md#methods); repeatable.",
            metavar="NAME=VALUE",
        ),
    ] = None,
    seed: Annotated[int | None, _option(_METHOD, "Everything random comes from it.")] = None,
    backbone: Annotated[
        str | None, _option(_STUDENT, "Its network; the model's by default.", metavar="NAME")
    ] = None,
    backbone_option: Annotated[
        list[str] | None,
        _option(_STUDENT, "An option of the backbone; repeatable.", metavar="NAME=VALUE"),
    ] = None,
    image_size: Annotated[
        str | None, _option(_STUDENT, "Its input, 160 or HEIGHTxWIDTH.", metavar="SIZE")
    ] = None,
    resume: Annotated[bool, _option(_RUN, "Go on with an unfinished run.")] = False,
    overwrite: Overwrite = False,
    cache_size: Annotated[
        float | None,
        _option(_RUN, "Most that pixels may take on the disk; 0 keeps none.", metavar="GB"),
    ] = None,
    allow: Allow = None,
) -> None:
    """Make a model smaller and faster, and measure what that costs.

    The smaller model learns from the images on the model's record, known by content. Both then
    answer for the test images, which counts as a look at them.
    """
    named = {
        "keep": keep,
        "sparsity": sparsity,
        "epochs": epochs,
        "seed": seed,
        "backbone": backbone,
        "backbone_options": parse_options(backbone_option or ()) or None,
        "image_size": parse_image_size(image_size) if image_size else None,
    }
    given = {name: value for name, value in named.items() if value is not None}
    request = Request(
        model=model,
        data=data,
        method=method,
        options={**parse_options(option or ()), **given},
        save=save,
        overwrite=overwrite,
        resume=resume,
        allow=tuple(allow or ()),
        cache_bytes=cache_bytes(cache_size),
    )
    console: Console = context.obj
    result = _run(console, plan_compression(request))
    tell_looks(console, *result.looks, names=("before", "after"))
    if console.as_json:
        console.document(result.to_json())
    else:
        _tell(console, result)


def _run(console: Console, plan: Plan) -> CompressResult:
    with without_start_messages():
        load_attribute("sightline.training.determinism:make_deterministic")()
        load_attribute("sightline.conversion:start_runtimes")()
    signals = load_module("sightline.training.signals")
    workflow = load_module("sightline.workflows.compress")
    watcher = ConsoleWatcher(console)
    with signals.stop_on_signals(before_exit=console.restore_cursor) as stop, closing(watcher):
        result: CompressResult = workflow.compress(plan, watcher=watcher, stop=stop)
    return result


def _tell(console: Console, result: CompressResult) -> None:
    before, after = result.sizes
    rows = [
        [name, one, two, f"{ratio:.2f}"]
        for (name, one, ratio), (_, two, _) in zip(
            _rows(before, before, after), _rows(after, before, after), strict=True
        )
    ]
    columns = ["", "before", "after", "share"]
    console.table(columns, rows, right=columns[1:])
    comparison = result.comparison
    console.line(
        f"accuracy {comparison.before} before, {comparison.after} now, on the test images. "
        f"{verdict_line(comparison, second=_SECOND)}"
    )
    console.line(
        f"saved {printable(result.path)} ({result.seconds:.0f} s); {result.speed:.2f} times as "
        f"fast; its LiteRT twin agrees with Keras on {result.verification.n} images within "
        f"{result.verification.max_difference:.1g}"
    )
    if comparison.verdict == "worse":
        console.warning(
            "The smaller model is worse, and not by chance: try more --epochs, or a larger one."
        )
    if result.method == "int8":
        console.line("next: sightline export MODEL DATA --quantize int8 --save FILE.tflite")


def _rows(shown: Size, before: Size, after: Size) -> list[tuple[str, str, float]]:
    return [
        ("size", f"{shown.bytes / 1e6:.2f} MB", after.bytes / before.bytes),
        ("gzip", f"{shown.gzip_bytes / 1e6:.2f} MB", after.gzip_bytes / before.gzip_bytes),
        ("parameters", f"{shown.parameters:,}", after.parameters / before.parameters),
        (
            "multiply-adds",
            f"{shown.multiply_adds / 1e6:.1f} M",
            after.multiply_adds / before.multiply_adds,
        ),
        (
            "one image",
            f"{1e3 * shown.latency.median:.2f} ms",
            after.latency.median / before.latency.median,
        ),
    ]

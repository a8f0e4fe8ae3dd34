"""`sightline train`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightline.cli.console import Console
from sightline.cli.findings import tell_findings
from sightline.cli.looks import tell_looks
from sightline.cli.options import (
    Aim,
    Allow,
    Coverage,
    Data,
    MaxError,
    Overwrite,
    Require,
    Seed,
    cache_bytes,
    parse_image_size,
    parse_numbers,
    parse_options,
    parse_split,
)
from sightline.cli.quiet import without_start_messages
from sightline.cli.requirements import read_requirements, tell_verdicts, unmet
from sightline.cli.watching import ConsoleWatcher
from sightline.errors import CheckFailedError
from sightline.files import load_attribute, load_module, printable
from sightline.reporting import evaluation_lines
from sightline.reporting.rules import rule_lines

if TYPE_CHECKING:
    from sightline.batches import ClassWeight
    from sightline.workflows.training import Request, TrainResult

_NETWORK = "The network"
_DESCENT = "Gradient descent (fine-tuning, or from scratch)"
_DATA = "The data"
_RUN = "The run"


def _option(panel: str, text: str, *names: str, metavar: str | None = None) -> Any:
    return typer.Option(
        *names, rich_help_panel=panel, help=text, metavar=metavar, show_default=False
    )


def train(
    context: typer.Context,
    data: Data,
    *,
    save: Annotated[
        Path | None,
        _option(_RUN, "Where the model goes; ./NAME.sightline by default.", metavar="FILE"),
    ] = None,
    effort: Annotated[
        str, typer.Option(help="quick: a head on frozen features. standard: then fine-tuning.")
    ] = "standard",
    backbone: Annotated[
        str | None, _option(_NETWORK, "The network (sightline models).", metavar="NAME")
    ] = None,
    weights: Annotated[
        str, _option(_NETWORK, "imagenet, none (from scratch), or a file.", metavar="WEIGHTS")
    ] = "imagenet",
    option: Annotated[
        list[str] | None,
        _option(_NETWORK, "An option of the backbone; repeatable.", metavar="NAME=VALUE"),
    ] = None,
    image_size: Annotated[
        str | None, _option(_NETWORK, "The input, 224 or HEIGHTxWIDTH.", metavar="SIZE")
    ] = None,
    channels: Annotated[
        int | None, _option(_NETWORK, "3 for colour (default), 1 for grey.")
    ] = None,
    fit: Annotated[
        str | None, _option(_NETWORK, "How an image is made to fit: squash, pad, crop.")
    ] = None,
    dropout: Annotated[float | None, _option(_NETWORK, "Before the last layer.")] = None,
    tta: Annotated[
        str | None,
        _option(_NETWORK, "none, flip: answer for the mirror image too, in twice the time."),
    ] = None,
    epochs: Annotated[int | None, _option(_DESCENT, "Passes over the images.")] = None,
    batch_size: Annotated[int | None, _option(_DESCENT, "Images in a step.")] = None,
    optimizer: Annotated[str | None, _option(_DESCENT, "adam, adamw, muon, sgd.")] = None,
    learning_rate: Annotated[float | None, _option(_DESCENT, "The peak rate.")] = None,
    weight_decay: Annotated[float | None, _option(_DESCENT, "Decoupled.")] = None,
    label_smoothing: Annotated[float | None, _option(_DESCENT, "0 to below 1.")] = None,
    warmup: Annotated[float | None, _option(_DESCENT, "Share of steps that rise.")] = None,
    decay: Annotated[str | None, _option(_DESCENT, "constant, cosine, linear.")] = None,
    augment: Annotated[str | None, _option(_DESCENT, "none, shift, light, strong.")] = None,
    flip: Annotated[
        bool | None,
        _option(_DESCENT, "Also mirror left to right: for photos, not for digits or signs."),
    ] = None,
    frozen_stride: Annotated[
        int | None,
        _option(_DESCENT, "Keep layers up to this stride as they are; 0 trains all."),
    ] = None,
    precision: Annotated[
        str | None, _option(_DESCENT, "float32, or bfloat16 where the processor knows it.")
    ] = None,
    grow_from: Annotated[
        float | None,
        _option(_DESCENT, "Side of the images in the first half of the steps, as a share."),
    ] = None,
    patience: Annotated[
        int | None, _option(_DESCENT, "Stop after so many epochs without a better loss.")
    ] = None,
    head_strength: Annotated[
        list[float] | None,
        _option(_NETWORK, "Inverse strengths of the head's penalty to try; repeatable."),
    ] = None,
    class_weight: Annotated[
        list[str] | None,
        _option(_DATA, "balanced, or CLASS=WEIGHT; repeatable.", metavar="WEIGHT"),
    ] = None,
    split: Annotated[
        str,
        typer.Option(
            rich_help_panel=_DATA,
            metavar="SHARES",
            help="Of train, validation and test, where the data leaves them open.",
        ),
    ] = "0.7,0.15,0.15",
    allow: Allow = None,
    without: Annotated[
        list[str] | None,
        _option(_DATA, "Leave out the images of this finding; repeatable.", metavar="CHECK"),
    ] = None,
    max_error: MaxError = None,
    coverage: Coverage = None,
    aim: Aim = None,
    origin: Annotated[
        Path | None,
        _option(_RUN, "Continue from your own model.", "--from", metavar="FILE"),
    ] = None,
    resume: Annotated[bool, _option(_RUN, "Go on with an unfinished run.")] = False,
    overwrite: Overwrite = False,
    cache_size: Annotated[
        float | None,
        _option(
            _RUN, "Most that pixels and features may take on the disk; 0 keeps none.", metavar="GB"
        ),
    ] = None,
    require: Require = None,
    seed: Seed = 0,
) -> None:
    """Train a classifier on labelled images, measure it and save it.

    The data is checked first; a leak between splits, a file that cannot be
    read or a contradiction in the labels stops the run with every file named.
    """
    from sightline.models.wishes import Wish
    from sightline.training.recipe import Options
    from sightline.workflows.training import Request

    options = Options(
        backbone=backbone,
        backbone_options=parse_options(option or ()),
        weights=weights,
        effort=effort,
        image_size=parse_image_size(image_size) if image_size else None,
        channels=channels,
        fit=fit,
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        label_smoothing=label_smoothing,
        warmup=warmup,
        decay=decay,
        augment=augment,
        flip=flip,
        frozen_stride=frozen_stride,
        precision=precision,
        grow_from=grow_from,
        patience=patience,
        dropout=dropout,
        tta=tta,
        head_strengths=tuple(head_strength) if head_strength else None,
        class_weight=_class_weight(class_weight or ()),
        seed=seed,
    )
    request = Request(
        data=data,
        options=options,
        save=save,
        overwrite=overwrite,
        resume=resume,
        origin=origin,
        allow=tuple(allow or ()),
        without=tuple(without or ()),
        shares=parse_split(split),
        cache_bytes=cache_bytes(cache_size),
        wish=Wish(max_error=max_error, coverage=coverage, aims=tuple(aim or ())),
        requirements=read_requirements(require),
    )
    result = _run(context.obj, request)
    _tell(context.obj, result)
    _refuse(result)


def _refuse(result: TrainResult) -> None:
    """End with all that the model could not be shown to do, once it is saved and told.

    Raises:
        CheckFailedError: A rule could not be given, or a requirement is not met.
    """
    failed = [error for error in (result.refused, unmet(result.verdicts)) if error is not None]
    if failed:
        without = " without a rule that was asked for" if result.refused else ""
        saved = f"The model is saved{without}: {printable(result.path)}"
        raise CheckFailedError(
            "\n".join([*(error.what for error in failed), saved]),
            expected="; ".join(error.expected for error in failed if error.expected) or None,
            fix="; ".join(error.fix for error in failed if error.fix) or None,
            code=failed[0].code,
            details={name: told for error in failed for name, told in error.details.items()},
        )


def _run(console: Console, request: Request) -> TrainResult:
    """Train, once all that can be refused without TensorFlow, which takes seconds, is refused."""
    from sightline.training.signals import stop_on_signals
    from sightline.workflows.planning import plan_training

    plan = plan_training(request)
    with without_start_messages():
        load_attribute("sightline.training.determinism:make_deterministic")()
        load_attribute("sightline.conversion:start_runtimes")()
    workflow = load_module("sightline.workflows.train")
    watcher = ConsoleWatcher(console)
    with stop_on_signals(before_exit=console.restore_cursor) as stop, closing(watcher):
        result: TrainResult = workflow.train_as_planned(
            plan,
            watcher=watcher,
            stop=stop,
            found=lambda findings: tell_findings(console, findings, allow=request.allow),
        )
    return result


def _tell(console: Console, result: TrainResult) -> None:
    tell_looks(console, result.looks)
    for notice in result.notices:
        console.warning(notice)
    if console.as_json:
        console.document(result.to_json())
        return
    counts = " · ".join(f"{split} {count:,}" for split, count in result.counts.items())
    console.line(f"{sum(result.counts.values()):,} images, {len(result.classes)} classes: {counts}")
    for line in evaluation_lines(result.test):
        console.line(line)
    tell_verdicts(console, result.verdicts)
    compared = result.verification
    console.line(
        f"saved {printable(result.path)} ({result.path.stat().st_size / 1e6:.1f} MB, "
        f"{result.seconds:.0f} s); its LiteRT twin agrees with Keras on {compared.n} images "
        f"within {compared.max_difference:.1g}"
    )
    gain = result.calibration
    if result.calibrated and gain is not None:
        before, after = gain.log_loss_before.value, gain.log_loss_after.value
        console.line(
            f"calibrated: log loss of the test images {before:.3f} before, {after:.3f} now"
        )
    for line in rule_lines(result.rules, result.classes):
        console.line(line)
    if result.report is not None:
        console.line(f"report: {printable(result.report)}")
    console.line(f"next: {result.next_command}")


def _class_weight(words: Sequence[str]) -> ClassWeight:
    if not words:
        return None
    if list(words) == ["balanced"]:
        return "balanced"
    return parse_numbers(
        "--class-weight", words, expected="balanced, or CLASS=WEIGHT for one class or more"
    )

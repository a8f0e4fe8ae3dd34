"""`sightline export`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from sightline.cli.console import Console
from sightline.cli.export_all import export_to_all
from sightline.cli.looks import tell_looks
from sightline.cli.options import Allow, Model, Overwrite
from sightline.cli.proof import export_document, tell_choice, tell_export
from sightline.cli.quiet import without_start_messages
from sightline.cli.reading import read_images
from sightline.cli.watching import Stages
from sightline.dataset import Content, Dataset
from sightline.errors import ConfigError, DataError, unknown_name
from sightline.exporting import MORE_SAMPLES, ExportFormat, Precision, format_of
from sightline.files import free_path, load_attribute, printable
from sightline.models.bundle import SUFFIX, Bundle, read_bundle, write_bundle
from sightline.workflows.choosing import PREFERENCES, Choice, Demand, choose
from sightline.workflows.evaluate import select
from sightline.workflows.export import Images, find_images
from sightline.workflows.export import export as make
from sightline.workflows.looks import record_look
from sightline.workflows.replacing import check_companions, check_replaceable

_AUTO = "auto"


def export(
    context: typer.Context,
    model: Model,
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DATA]", help="What the model was trained from, to prove the export on."
        ),
    ] = None,
    *,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Its suffix decides the format (see formats).", show_default=False
        ),
    ] = None,
    all_to: Annotated[
        Path | None,
        typer.Option(
            "--all",
            metavar="FOLDER",
            help="Instead of --save: every format in every precision, into a folder.",
            show_default=False,
        ),
    ] = None,
    benchmark: Annotated[
        bool, typer.Option("--benchmark", help="With --all: measure them side by side, too.")
    ] = False,
    quantize: Annotated[
        str | None,
        typer.Option(metavar="PRECISION", help="float16, dynamic, int8, or auto to try them all."),
    ] = None,
    max_drop: Annotated[
        float | None,
        typer.Option(
            min=0.0001,
            max=0.5,
            help="With auto: the drop in accuracy to be excluded; 0.01 by default.",
            show_default=False,
        ),
    ] = None,
    prefer: Annotated[
        str | None,
        typer.Option(
            help="With auto: speed (the default) or size decides among those that qualify.",
            show_default=False,
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="The |Δp| allowed, instead of the format's own.", show_default=False
        ),
    ] = None,
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Write it unproven; its card says so.")
    ] = False,
    allow: Allow = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a model for another runtime, proven before it is written.

    The export is run on validation images, known by content, before it is written. Its card and
    its arrays stand beside it, or in it where it is a folder.

    With --quantize auto, validation images select and test images judge. With --all, exports of
    the model that stand in the folder already are kept: a run that was ended goes on.
    """
    console: Console = context.obj
    choosing = {"--max-drop": max_drop, "--prefer": prefer}
    single = {"--save": save, "--quantize": quantize, "--tolerance": tolerance, **choosing}
    if all_to is not None:
        _refuse({**single, "--no-verify": no_verify or None}, beside="--all")
        given = _needed(data, model, "--all FOLDER")
        export_to_all(
            console, model, given, all_to, benchmark=benchmark, allow=allow, overwrite=overwrite
        )
        return
    if save is None or benchmark:
        raise ConfigError(
            "--benchmark measures what --all writes." if benchmark else "Where to is not said.",
            expected="--save FILE for one export, or --all FOLDER [--benchmark]",
            fix=f"sightline export {printable(model)} DATA --save model.tflite",
            code="bad_option",
        )
    auto = quantize == _AUTO
    form, precision = format_of(save, None if auto else quantize)
    free_path(save, suffixes=(form.suffix,), overwrite=overwrite)
    check_replaceable(save)
    if not overwrite:
        check_companions(save, form)
    if auto:
        _refuse({"--tolerance": tolerance, "--no-verify": no_verify or None}, beside="auto")
    else:
        _refuse(choosing, beside="one precision")
    if prefer is not None and prefer not in PREFERENCES:
        raise unknown_name("preference", prefer, PREFERENCES)
    if not no_verify:
        data = _needed(data, model, "--save ..." if auto else "--save ..., or --no-verify")
    bundle = read_bundle(model)
    if auto and not bundle.architecture.quantized:
        _free_learned_path(model, form, save, overwrite=overwrite)
    read = None if data is None else read_images(console, data, allow)
    if auto and read is not None:
        demand = Demand(
            most_drop=max_drop or Demand.most_drop, prefer="size" if prefer == "size" else "speed"
        )
        choice = _choose(console, model, bundle, form, read, demand)
        _write_best(console, choice, bundle, form, save)
        return
    images = None if read is None else find_images(bundle, *read, precision)
    console.note(_announcement(form, precision, compared=not no_verify))
    with without_start_messages():
        exported = make(bundle, form, precision, images, verify=not no_verify, tolerance=tolerance)
    exported.export.write(save)
    if console.as_json:
        console.document(export_document(exported, form, save))
    else:
        tell_export(console, exported, save)


_BESIDE: Mapping[str, str] = {
    "--all": "--all writes every format in every precision, by its own limits.",
    "auto": "--quantize auto selects by proof.",
    "one precision": "--max-drop and --prefer choose among candidates, and there is one.",
}


def _refuse(options: Mapping[str, object], *, beside: str) -> None:
    """Refuse options that say nothing, or the opposite, beside another."""
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise ConfigError(
            f"{_BESIDE[beside]} {', '.join(given)} cannot be kept beside that.",
            expected="--quantize auto with them" if beside == "one precision" else "one of them",
            fix=f"leave out {' and '.join(given)}",
            code="bad_option",
        )


def _needed(data: Path | None, model: Path, rest: str) -> Path:
    if data is None:
        raise ConfigError(
            "An export is proven on real images, and none were given.",
            expected="the data that the model was trained from",
            fix=f"sightline export {printable(model)} DATA {rest}",
            code="no_data",
        )
    return data


def _write_best(
    console: Console, choice: Choice, bundle: Bundle, form: ExportFormat, save: Path
) -> None:
    learned = None if choice.model is bundle else _learned_path(save)
    if learned is not None:
        write_bundle(learned, choice.model)
    choice.exported.export.write(save)
    tell_choice(console, choice, form, save, learned)


def _announcement(form: ExportFormat, precision: Precision, *, compared: bool) -> str:
    words = f"Converting to {form.name} in {precision.name}"
    words += ", and comparing ..." if compared else " ..."
    return f"{words} (npm may fetch its runtime first)" if "npm" in form.needs else words


def _learned_path(save: Path) -> Path:
    """Return where the model goes that was trained for the sake of an export."""
    return save.with_suffix(f".int8{SUFFIX}")


def _free_learned_path(model: Path, form: ExportFormat, save: Path, *, overwrite: bool) -> None:
    """Refuse where a model trained for 8 bits, should one be made, would have no place.

    Raises:
        ConfigError: Its place is that of the model itself, or is taken and `overwrite` not given.
    """
    path = _learned_path(save)
    if not path.exists() or not any(one.learned for one in form.precisions.values()):
        return
    if path.samefile(model):
        raise ConfigError(
            f"A model trained for 8 bits would take the place of {printable(model)} itself.",
            expected="another name for the export",
            fix="give one: --save",
            code="own_place",
        )
    free_path(path, suffixes=(SUFFIX,), overwrite=overwrite)


def _choose(
    console: Console,
    model: Path,
    bundle: Bundle,
    form: ExportFormat,
    read: tuple[Dataset, tuple[Content, ...]],
    demand: Demand,
) -> Choice:
    # The one that needs most of them: others make do with what it has.
    finest = max(form.precisions.values(), key=lambda one: one.recalibrated + one.samples)
    needed = finest.samples_for(bundle.architecture)
    images = find_images(bundle, *read, finest, most_samples=MORE_SAMPLES if needed else 0)
    try:
        judging = select(*read, bundle.record(), on="test")
    except DataError:
        judging = None
    with without_start_messages(), closing(Stages(console)) as stages:

        def learn() -> tuple[Bundle, Images]:
            load_attribute("sightline.training.determinism:make_deterministic")()
            train = load_attribute("sightline.workflows.eight_bits:trained_for_8_bits")
            trained: Bundle = train(bundle, *read, stages)
            return trained, find_images(trained, *read, finest)

        chosen = choose(
            bundle,
            form,
            images,
            demand,
            judging=judging,
            learn=learn,
            progress=stages.progress,
        )
    if judging is not None and chosen.judged is not None:
        accuracy = chosen.judged.before.value
        tell_looks(
            console,
            record_look(
                model,
                bundle,
                command="export",
                part="test",
                images=judging.digests,
                accuracy=accuracy,
            ),
        )
    return chosen

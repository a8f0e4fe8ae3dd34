"""`sightline export --quantize auto`: many ways are tried, and the best of them is written."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from sightline.cli.console import Console
from sightline.cli.looks import tell_looks
from sightline.cli.proof import tell_choice
from sightline.cli.quiet import without_start_messages
from sightline.cli.reading import read_images
from sightline.cli.watching import Stages
from sightline.dataset import Content, Dataset
from sightline.errors import ConfigError, DataError, unknown_name
from sightline.exporting import MORE_SAMPLES, ExportFormat
from sightline.files import free_path, load_attribute, printable
from sightline.models.bundle import SUFFIX, Bundle, read_bundle, write_bundle
from sightline.workflows.choosing import choose
from sightline.workflows.evaluate import select
from sightline.workflows.export import Images, find_images, most_demanding
from sightline.workflows.looks import record_look
from sightline.workflows.qualifying import PREFERENCES, Choice, Demand
from sightline.workflows.replacing import check_no_folder


def demanded(most_drop: float | None, prefer: str | None) -> Demand:
    """Return what the options ask for.

    Raises:
        ConfigError: There is no such preference.
    """
    if prefer is not None and prefer not in PREFERENCES:
        raise unknown_name("preference", prefer, PREFERENCES)
    return Demand(
        most_drop=most_drop or Demand.most_drop, prefer="size" if prefer == "size" else "speed"
    )


def export_best(
    console: Console,
    model: Path,
    data: Path,
    form: ExportFormat,
    save: Path,
    demand: Demand,
    *,
    allow: list[str] | None,
    overwrite: bool,
) -> None:
    """Try all ways to export a model to a format, write the best, and tell of all of them."""
    bundle = read_bundle(model)
    if not bundle.architecture.quantized:
        _free_learned_path(model, form, save, overwrite=overwrite)
    choice = _choose(console, model, bundle, form, read_images(console, data, allow), demand)
    _write_best(console, choice, bundle, form, save)


def _write_best(
    console: Console, choice: Choice, bundle: Bundle, form: ExportFormat, save: Path
) -> None:
    learned = None if choice.model is bundle else _learned_path(save)
    if learned is not None:
        write_bundle(learned, choice.model)
    choice.exported.export.write(save)
    tell_choice(console, choice, form, save, learned)


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
    check_no_folder(path, "a model")
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
    finest = most_demanding(form.precisions.values())
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

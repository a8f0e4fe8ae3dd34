"""`sightline compare`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from sightline.cli.console import Console
from sightline.cli.looks import tell_looks
from sightline.cli.options import Allow, Data
from sightline.cli.quiet import without_start_messages
from sightline.cli.reading import read_images
from sightline.evaluation import check_same_classes
from sightline.files import printable
from sightline.inference import LiteRTRunner
from sightline.models.bundle import WEIGHTS, read_bundle
from sightline.reporting import comparison_lines
from sightline.reporting.rules import answered_line
from sightline.workflows.compare import Compared, compare_runners, select_both
from sightline.workflows.looks import Looks, record_look

_ON = "Which images: test or validation, as the records of both models have them, or new."


def compare(
    context: typer.Context,
    before: Annotated[Path, typer.Argument(metavar="A", help="A .sightline file.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="Another one: is it better?")],
    data: Data,
    *,
    on: Annotated[str, typer.Option(help=_ON)] = "test",
    allow: Allow = None,
) -> None:
    """Is it better? Two models on the same held-out images.

    Only images that both models hold out are counted.
    Images with a group are drawn and tested as groups.
    """
    console: Console = context.obj
    paths = (before, after)
    bundles = read_bundle(before), read_bundle(after)
    with without_start_messages():
        first, second = (LiteRTRunner(bundle) for bundle in bundles)
    # Before the images: no images would help to compare other classes.
    check_same_classes(first, second)
    dataset, contents = read_images(console, data, allow)
    records = bundles[0].record(), bundles[1].record()
    selection = select_both(dataset, contents, records, on=on)
    with console.progress("Predicting with A, then B") as progress:
        compared = compare_runners(first, second, selection, progress=progress)
    accuracies = compared.comparison.before.value, compared.comparison.after.value
    looked = list(zip(paths, bundles, accuracies, strict=True))
    if bundles[0].members[WEIGHTS] == bundles[1].members[WEIGHTS]:
        del looked[1]  # one network with two sets of rules has looked once
    looks = [
        record_look(
            path, bundle, command="compare", part=on, images=selection.digests, accuracy=accuracy
        )
        for path, bundle, accuracy in looked
    ]
    tell_looks(console, *looks)
    if console.as_json:
        console.document(_document(compared, looks, paths=paths, data=data))
    else:
        _tell(console, compared, paths)


def _document(
    compared: Compared, looks: Sequence[Looks | None], *, paths: Sequence[Path], data: Path
) -> dict[str, Any]:
    before, after = map(printable, paths)
    return {
        "schema": "compare",
        "schema_version": "1.1",
        "before": before,
        "after": after,
        "data": printable(data),
        "selection": compared.selection.to_json(),
        "comparison": compared.comparison.to_json(),
        "answered": [one and one.to_json() for one in compared.answered],
        "looks": [look and look.to_json() for look in (looks[0], looks[-1])],
    }


def _tell(console: Console, compared: Compared, paths: Sequence[Path]) -> None:
    selection = compared.selection
    console.line(f"A {printable(paths[0])}\nB {printable(paths[1])}")
    console.line(f"{len(selection.rows):,} images that both hold out as {selection.on!r}")
    for count, what in (
        (selection.seen, "were trained on by A or B and are left out"),
        (selection.new, "are new to A or B and are left out (--on new: new to both)"),
        (selection.copies, "are further copies of judged ones and are left out"),
        (selection.other, "belong to another part of A or B and are left out"),
        (len(selection.missing), "are on both records for this part and were not given"),
        (len(selection.relabelled), "have another label than the one on record"),
    ):
        if count:
            console.note(f"{count:,} images {what}")
    console.line()
    if compared.same:
        console.line("A and B give every image the same probabilities.")
    for line in comparison_lines(compared.comparison):
        console.line(line)
    if compared.answered != (None, None):
        console.line()
    for letter, rules in zip("AB", compared.answered, strict=True):
        if rules is not None:
            console.line(answered_line(rules, whose=letter))

"""`sightline demo`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightline.cli.console import Console
from sightline.cli.quiet import without_start_messages
from sightline.cli.watching import ConsoleWatcher
from sightline.files import load_attribute, printable

if TYPE_CHECKING:
    from sightline.predictions import Predictions
    from sightline.workflows.demo import DemoResult


def demo(
    context: typer.Context,
    *,
    save: Annotated[Path, typer.Option(metavar="FOLDER", help="Where it all goes.")] = Path(
        "sightline-demo"
    ),
) -> None:
    """Do the main job on real handwritten digits that come along.

    Checks, splits, trains, measures on held-out images, saves and predicts.
    """
    from sightline.training.signals import stop_on_signals

    console: Console = context.obj
    with without_start_messages():
        load_attribute("sightline.training.determinism:make_deterministic")()
        load_attribute("sightline.conversion:start_runtimes")()
    watcher = ConsoleWatcher(console, epochs=False)
    with stop_on_signals(before_exit=console.restore_cursor) as stop, closing(watcher):
        result = load_attribute("sightline.workflows.demo:demo")(save, watcher=watcher, stop=stop)
    if console.as_json:
        console.document(result.trained.to_json())
    else:
        _tell(console, result)


def _tell(console: Console, result: DemoResult) -> None:
    trained = result.trained
    counts = ", ".join(f"{count:,} {split}" for split, count in trained.counts.items())
    console.line("What was found", style="bold")
    console.line(
        f"  {sum(trained.counts.values()):,} images of {len(trained.classes)} classes in "
        f"{printable(result.data)}; {counts}"
    )
    for finding in trained.findings[:3]:
        console.line(f"  {finding.message}")
    console.line("How right it is", style="bold")
    test = trained.test
    console.line(f"  accuracy on held-out images: {test.accuracy}")
    weakest = test.weakest_class
    if weakest is not None:
        console.line(f"  weakest class: {weakest.name}, recall {weakest.recall}")
    console.line("Where it is wrong", style="bold")
    for mistake in result.mistakes:
        console.line(
            f"  {printable(mistake.name)}: says {mistake.answer[0]} "
            f"({mistake.confidence:.2f}), is {mistake.labels[0]}"
        )
    console.line("What it does with odd images", style="bold")
    for answers in (result.unsure, result.broken):
        console.line(f"  {_answer(answers)}")
    console.line("What was made", style="bold")
    console.line(
        f"  {printable(trained.path)}: the model ({trained.path.stat().st_size / 1e6:.1f} MB)"
    )
    console.line(f"  {printable(trained.directory)}: history, curves, TensorBoard logs")
    console.line("Next, on your own folder ROOT/CLASS/*.jpg", style="bold")
    console.line("  sightline train ROOT")


def _answer(predictions: Predictions) -> str:
    row = next(predictions.to_rows(top=2))
    name = printable(row["name"])
    if row["error"]:
        what = row["error"]["what"].removeprefix(f"{name}: ")
        return f"{name}: error {row['error']['code']}: {what}"
    best = " or ".join(f"{item['label']} ({item['probability']:.2f})" for item in row["top"])
    return f"{name}: {row['answer']}: {best}"

"""The table of verbs, and the command group that loads only the verb that was typed.

`sightline --help` needs nothing but this table: a verb's module, and what it imports, is
loaded when that verb runs or its own help is asked for. A new verb is one file and one line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from sightline.cli.console import Console
from sightline.cli.logs import start_logging
from sightline.errors import unknown_name

_COMMON = "Options of every command"


@dataclass(frozen=True, kw_only=True)
class Verb:
    """One command.

    Attributes:
        name: What is typed.
        target: The function that runs it, as `"module:attribute"`; its signature is the options.
        summary: One line for the list of commands.
        panel: The heading that the line stands under.
    """

    name: str
    target: str
    summary: str
    panel: str


def _table(*verbs: Verb) -> Mapping[str, Verb]:
    table = {verb.name: verb for verb in verbs}
    if len(table) != len(verbs):
        raise ValueError("a verb stands twice in the table")
    return table


VERBS = _table(
    Verb(
        name="train",
        target="sightline.cli.train:train",
        summary="Train a classifier on labelled images, measure it and save it.",
        panel="The main job",
    ),
    Verb(
        name="evaluate",
        target="sightline.cli.evaluate:evaluate",
        summary="Is it right? Measured on held-out images, with intervals.",
        panel="The main job",
    ),
    Verb(
        name="report",
        target="sightline.cli.report:report",
        summary="Write all that is known of a model as one page.",
        panel="The main job",
    ),
    Verb(
        name="predict",
        target="sightline.cli.predict:predict",
        summary="Classify images with a trained or a ready-made model.",
        panel="The main job",
    ),
    Verb(
        name="explain",
        target="sightline.cli.explain:explain",
        summary="Why this answer? Save a picture of where the model looked.",
        panel="After training",
    ),
    Verb(
        name="decide",
        target="sightline.cli.decide:decide",
        summary='Choose when a model says "unsure", and the threshold of a class.',
        panel="After training",
    ),
    Verb(
        name="compare",
        target="sightline.cli.compare:compare",
        summary="Is it better? Two models on the same held-out images.",
        panel="After training",
    ),
    Verb(
        name="stress",
        target="sightline.cli.stress:stress",
        summary="Does it stand worse photos? Blur, compression, light, tilt, noise.",
        panel="After training",
    ),
    Verb(
        name="compress",
        target="sightline.cli.compress:compress",
        summary="Make a model smaller and faster, and measure what that costs.",
        panel="After training",
    ),
    Verb(
        name="export",
        target="sightline.cli.export:export",
        summary="Write a model for another runtime, proven before it is written.",
        panel="After training",
    ),
    Verb(
        name="verify",
        target="sightline.cli.verify:verify",
        summary="Is it the same? An export against its source.",
        panel="After training",
    ),
    Verb(
        name="benchmark",
        target="sightline.cli.benchmark:benchmark",
        summary="Is it faster? Models and exports side by side, in one run.",
        panel="After training",
    ),
    Verb(
        name="audit",
        target="sightline.cli.audit:audit",
        summary="Look for what makes data untrustworthy, before training.",
        panel="Before training",
    ),
    Verb(
        name="show",
        target="sightline.cli.show:show",
        summary="Save a picture of exactly what the model will see of each class.",
        panel="Before training",
    ),
    Verb(
        name="demo",
        target="sightline.cli.demo:demo",
        summary="Do the main job on real handwritten digits that come along.",
        panel="About this installation",
    ),
    Verb(
        name="models",
        target="sightline.cli.models:models",
        summary="List the model architectures, or show the card of one.",
        panel="About this installation",
    ),
    Verb(
        name="formats",
        target="sightline.cli.formats:formats",
        summary="List the formats of exports, and how far each may differ.",
        panel="About this installation",
    ),
    Verb(
        name="doctor",
        target="sightline.cli.doctor:doctor",
        summary="Say what is installed, what is missing and what to do.",
        panel="About this installation",
    ),
)


class VerbCommand(TyperCommand):
    """A command with the options of every command, which become its context's `Console`."""

    def invoke(self, ctx: Any) -> Any:
        """Open the console and the logs, then run the verb."""
        shared = {name: ctx.params.pop(name) for name in ("as_json", "verbose", "log_file")}
        start_logging(verbose=shared["verbose"], file=shared["log_file"])
        ctx.obj = Console(as_json=shared["as_json"])
        return super().invoke(ctx)


class VerbGroup(TyperGroup):
    """The group over `VERBS`: summaries from the table, commands loaded when they run."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the table's order."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        """Return what the list of commands shows of a verb, without loading it."""
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        return TyperCommand(verb.name, help=verb.summary, rich_help_panel=verb.panel)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str, TyperCommand, list[str]]:
        """Return the verb that was typed, loaded.

        Raises:
            ConfigError: No verb has that name.
        """
        if args[0] not in VERBS:
            raise unknown_name("command", args[0], VERBS)
        return args[0], load_command(VERBS[args[0]]), args[1:]


def load_command(verb: Verb) -> TyperCommand:
    """Import a verb's module and return its command."""
    module, _, attribute = verb.target.partition(":")
    command = _command(verb.name, getattr(import_module(module), attribute))
    command.params.extend(common_parameters())
    return command


def common_parameters() -> list[Any]:
    """Return the options of every command, as the parser's parameters."""
    return list(_command("common", _common_options).params)


def _command(name: str, function: Any) -> TyperCommand:
    app = typer.Typer(add_completion=False)
    settings = {"help_option_names": ["-h", "--help"]}
    words = _paragraphs(function.__doc__ or "")
    app.command(name, cls=VerbCommand, context_settings=settings, help=words)(function)
    command = typer.main.get_command(app)
    if not isinstance(command, TyperCommand):
        raise TypeError(f"{name} is not a single command")
    return command


def _common_options(
    *,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print the result as JSON.", rich_help_panel=_COMMON),
    ] = False,
    verbose: Annotated[
        int,
        typer.Option(
            "-v",
            "--verbose",
            count=True,
            metavar="",
            show_default=False,
            help="Say more on standard error, and errors with their traceback; -vv says all.",
            rich_help_panel=_COMMON,
        ),
    ] = 0,
    log_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Append a detailed log to FILE.",
            rich_help_panel=_COMMON,
        ),
    ] = None,
) -> None:
    """Declare the options that every verb has; only its parameters are used."""


def _paragraphs(text: str) -> str:
    """Return a docstring with each paragraph on one line: the terminal breaks it where it ends."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))

"""Write docs/cli.md from the commands themselves (`make docs`).

`tests/test_docs.py` fails when the file and the commands say different things.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from sightline.cli.verbs import VERBS, Verb, common_parameters, load_command

PAGE = Path(__file__).with_name("cli.md")

HEAD = """\
# The command line

<!-- Written by docs/generate_cli.py from the commands; do not edit. -->

Verb, thing, data, `--save`. Results go to standard output, messages and progress to standard
error.
"""

EXIT_CODES = """\
## Exit codes

| code | meaning |
|---|---|
| 0 | done |
| 1 | something unexpected; the message says where the log is |
| 2 | a word, an option or a setting is wrong |
| 3 | the data cannot be used, or a check that was asked for failed |
| 4 | the model file cannot be used |
| 5 | the environment: a package, the disk, a permission, the network |
| 130, 143 | stopped by Ctrl-C, or by a request to end |
| 141 | the reader of a pipe left |

With `--json` a failed command prints one JSON object as the last line of standard error, with a
stable `code`, what happened, what was expected and what to do.
"""


def page() -> str:
    """Return the whole page."""
    parts = [HEAD, *_contents(), "## Options of every command\n"]
    parts += _options(common_parameters(), typer.Context(load_command(next(iter(VERBS.values())))))
    for verb in VERBS.values():
        parts += _verb(verb)
    return "\n".join([*parts, EXIT_CODES])


def _contents() -> Iterator[str]:
    panel = ""
    for verb in VERBS.values():
        if verb.panel != panel:
            if panel:
                yield ""
            panel = verb.panel
            yield f"**{panel}**\n"
        yield f"- [`{verb.name}`](#{verb.name}): {verb.summary}"
    yield ""


def _verb(verb: Verb) -> Iterator[str]:
    command = load_command(verb)
    context = typer.Context(command, info_name=f"sightline {verb.name}")
    shared = {name for parameter in common_parameters() for name in parameter.opts}
    yield f"## {verb.name}\n"
    yield f"{command.help}\n"
    yield f"```text\n{command.get_usage(context).removeprefix('Usage: ')}\n```\n"
    yield from _options([p for p in command.params if not shared & set(p.opts)], context)


def _options(parameters: list[Any], context: typer.Context) -> Iterator[str]:
    records = [parameter.get_help_record(context) for parameter in parameters]
    rows = [(_cell(name), _cell(text)) for name, text in filter(None, records)]
    if rows:
        yield "| word or option | meaning |\n|---|---|"
        yield from (f"| `{name}` | {text} |" for name, text in rows)
        yield ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

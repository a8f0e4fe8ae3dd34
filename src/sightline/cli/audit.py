"""`sightline audit`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from sightline.auditing.gate import check_words
from sightline.cli.console import Console
from sightline.cli.findings import tell_findings
from sightline.cli.options import Allow, Data, Overwrite
from sightline.cli.quiet import without_start_messages
from sightline.dataset import Dataset, Finding
from sightline.errors import CheckFailedError
from sightline.files import free_path, printable
from sightline.reporting.facts import DataFacts
from sightline.workflows.audit import audit as look
from sightline.workflows.audit import feature_graph
from sightline.workflows.data_facts import data_facts, features_of


def audit(
    context: typer.Context,
    data: Data,
    *,
    model: Annotated[
        str | None,
        typer.Option(
            "--with",
            metavar="MODEL",
            help="Also look for wrong labels and outliers, with the features of a .sightline file "
            "or of a network with ImageNet weights, for example mobilenet_v2.",
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Also write it as a page: .html for people, .json as data."
        ),
    ] = None,
    allow: Allow = None,
    overwrite: Overwrite = False,
) -> None:
    """Look for what makes data untrustworthy, before training.

    Nothing is moved or deleted. Ends with exit code 3 when something was found that would stop
    training.
    """
    console: Console = context.obj
    path = None if save is None else _free_page(save, overwrite=overwrite)
    check_words(allow or (), ())
    dataset = Dataset.open(data, allow=allow or ())
    graph = None
    if model is not None:
        with without_start_messages():
            graph = feature_graph(model)
    audited = look(dataset, graph=graph, stage=console.progress)
    features = "" if model is None else features_of(model)
    facts = data_facts(audited, dataset, data=str(data), features=features)
    if console.as_json:
        console.document(facts.to_json())
    else:
        _tell(console, facts, allow=allow or ())
    if path is not None:
        from sightline.workflows.report import write_report

        write_report(facts, path, rows=dataset.rows)
        console.note(f"saved {printable(path)}")
    _refuse(facts.findings or (), allow or ())


def _free_page(path: Path, *, overwrite: bool) -> Path:
    # What makes pages is imported where one is asked for: most audits want none.
    from sightline.workflows.report import SUFFIXES

    return free_path(path, suffixes=SUFFIXES, overwrite=overwrite)


def _tell(console: Console, facts: DataFacts, *, allow: Sequence[str]) -> None:
    images, classes = sum((facts.splits or {}).values()), len(facts.counts or ())
    console.line(f"{images:,} images, {classes} classes")
    tell_findings(console, facts.findings or (), allow=allow)
    if not facts.findings:
        console.line("Nothing was found.")
    for skipped in facts.not_run:
        console.line(f"Not run: {skipped.check} ({skipped.reason}).")


def _refuse(findings: Sequence[Finding], allow: Sequence[str]) -> None:
    stopping = [one for one in findings if one.severity == "error" and one.check not in allow]
    if stopping:
        checks = ", ".join(dict.fromkeys(one.check for one in stopping))
        raise CheckFailedError(
            f"{len(stopping)} findings would stop training: {checks}.",
            expected="data without them",
            fix="mend them, or see sightline train --help on --allow and --without",
        )

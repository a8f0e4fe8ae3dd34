"""`sightline audit`."""

from __future__ import annotations

from typing import Annotated

import typer

from sightline.auditing import Findings
from sightline.auditing.gate import check_words
from sightline.cli.console import Console
from sightline.cli.findings import tell_findings
from sightline.cli.options import Allow, Data
from sightline.cli.quiet import without_start_messages
from sightline.dataset import Dataset
from sightline.errors import CheckFailedError
from sightline.files import printable
from sightline.workflows.audit import audit as look
from sightline.workflows.audit import feature_graph


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
    allow: Allow = None,
) -> None:
    """Look for what makes data untrustworthy, before training.

    Nothing is moved or deleted. Ends with exit code 3 when something was found that would stop
    training.
    """
    console: Console = context.obj
    check_words(allow or (), ())
    dataset = Dataset.open(data, allow=allow or ())
    graph = None
    if model is not None:
        with without_start_messages():
            graph = feature_graph(model)
    audited = look(dataset, graph=graph, stage=console.progress)
    found = audited.findings
    findings = Findings((*dataset.notices, *found), not_run=found.not_run).worst_first()
    stopping = [
        finding
        for finding in findings
        if finding.severity == "error" and finding.check not in (allow or ())
    ]
    if console.as_json:
        console.document(
            {
                "schema": "audit",
                "schema_version": "1.1",
                "data": printable(data),
                "images": len(dataset),
                "classes": dataset.class_counts(),
                "findings": [finding.to_json() for finding in findings],
                "not_run": [skipped.to_json() for skipped in findings.not_run],
                "doubtful_labels": [doubt.to_json() for doubt in audited.doubtful(dataset)],
            }
        )
    else:
        console.line(f"{len(dataset):,} images, {len(dataset.classes)} classes")
        tell_findings(console, findings)
        if not findings:
            console.line("Nothing was found.")
        for skipped in findings.not_run:
            console.line(f"Not run: {skipped.check} ({skipped.reason}).")
    if stopping:
        checks = ", ".join(dict.fromkeys(finding.check for finding in stopping))
        raise CheckFailedError(
            f"{len(stopping)} findings would stop training: {checks}.",
            expected="data without them",
            fix="mend them, or see sightline train --help on --allow and --without",
        )

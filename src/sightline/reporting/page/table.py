"""The pages and their sections in order. A new section is one file and one line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from sightline.reporting.facts import DataFacts, Facts
from sightline.reporting.page.section import Known, Page, Section
from sightline.reporting.page.sections.calibration import CALIBRATION
from sightline.reporting.page.sections.classes import CLASSES
from sightline.reporting.page.sections.confusion import CONFUSION
from sightline.reporting.page.sections.coverage import COVERAGE
from sightline.reporting.page.sections.data import DATA
from sightline.reporting.page.sections.doubts import DOUBTS
from sightline.reporting.page.sections.findings import FINDINGS
from sightline.reporting.page.sections.intended_use import INTENDED_USE
from sightline.reporting.page.sections.looks import LOOKS
from sightline.reporting.page.sections.mistakes import MISTAKES
from sightline.reporting.page.sections.provenance import PROVENANCE
from sightline.reporting.page.sections.requirements import REQUIREMENTS
from sightline.reporting.page.sections.slices import SLICES
from sightline.reporting.page.sections.stress import STRESS
from sightline.reporting.page.sections.summary import SUMMARY
from sightline.reporting.page.sections.thresholds import THRESHOLDS
from sightline.reporting.page.sections.training import TRAINING


def sections_by_id(sections: Iterable[Section[Known]]) -> Mapping[str, Section[Known]]:
    """Return sections by their ids.

    Raises:
        ValueError: Two have the same id.
    """
    table: dict[str, Section[Known]] = {}
    for section in sections:
        if section.id in table:
            raise ValueError(f"two sections are called {section.id!r}")
        table[section.id] = section
    return MappingProxyType(table)


REPORT = Page[Facts](
    kind="report",
    sections=sections_by_id(
        (
            SUMMARY,
            REQUIREMENTS,
            INTENDED_USE,
            CLASSES,
            CONFUSION,
            MISTAKES,
            CALIBRATION,
            COVERAGE,
            THRESHOLDS,
            SLICES,
            STRESS,
            DATA,
            FINDINGS,
            DOUBTS,
            TRAINING,
            LOOKS,
            PROVENANCE,
        )
    ),
    closing="Every interval is a 95 % interval for the choice of images: had others been drawn "
    "from the same source, the figure would probably lie there. It does not cover another "
    "training run, nor images of another kind.",
)
AUDIT = Page[DataFacts](kind="audit", sections=sections_by_id((DATA, FINDINGS, DOUBTS)))

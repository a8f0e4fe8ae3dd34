"""Dataset → Findings: one check per file, a table of them, and the gate before training."""

from sightline.auditing.check import Check, Evidence
from sightline.auditing.findings import Findings, NotRun
from sightline.auditing.gate import ALLOWED, LEFT_OUT, check_words, gate
from sightline.auditing.suspicion import Suspicion, doubtful_labels
from sightline.auditing.table import CHECKS, audit

__all__ = [
    "ALLOWED",
    "CHECKS",
    "LEFT_OUT",
    "Check",
    "Evidence",
    "Findings",
    "NotRun",
    "Suspicion",
    "audit",
    "check_words",
    "doubtful_labels",
    "gate",
]

"""Copies in more than one split: identical files, near duplicates, one named group."""

from __future__ import annotations

from sightline.auditing.check import Check
from sightline.dataset.leaks import group_leaks, identical_leaks, near_leaks

LEAK = Check(
    name="leak",
    title="the same image in two splits",
    find=lambda evidence: identical_leaks(evidence.pairs),
    may_leave_out=True,
)
GROUP_LEAK = Check(
    name="group_leak",
    title="one named group in two splits",
    find=lambda evidence: group_leaks(evidence.pairs),
    may_leave_out=True,
)
NEAR_LEAK = Check(
    name="near_leak",
    title="nearly the same image in two splits",
    find=lambda evidence: near_leaks(evidence.pairs, evidence.near_copies),
    may_leave_out=True,
)

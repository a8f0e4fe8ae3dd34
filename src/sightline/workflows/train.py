"""`train`: images in folders become a bundle: audited, split, trained, proven, measured, saved.

The one place that knows all the parts of the main job, in the order in which they happen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from sightline.auditing import audit, gate
from sightline.dataset import SPLITS, Finding
from sightline.models.deciding import not_calibrated
from sightline.training.learnable import Learnable
from sightline.training.loop import Watcher
from sightline.training.origin import keep_splits, refuse_seen
from sightline.training.parts import heeding
from sightline.training.session import in_folder, train_bundle
from sightline.training.signals import StopRequest
from sightline.workflows.finishing import finish
from sightline.workflows.planning import plan_training
from sightline.workflows.training import Plan, Prepared, Request, TrainResult

Found = Callable[[Sequence[Finding]], None]

_OF_SEVERAL = {"duplicate", "near_duplicate", "leak", "near_leak", "conflict", "near_conflict"}
"""Checks that find several images at odds: one alone is at odds with nothing."""


def train(request: Request, *, watcher: Watcher, stop: StopRequest) -> TrainResult:
    """Do the main job.

    Raises:
        ConfigError: An option, or a file in the way.
        DataError: The data cannot be trusted; every file is named.
        Interrupted: A signal asked to stop; the state is saved.
        SightlineError: As the parts say.
    """
    return train_as_planned(plan_training(request), watcher=watcher, stop=stop)


def train_as_planned(
    plan: Plan, *, watcher: Watcher, stop: StopRequest, found: Found | None = None
) -> TrainResult:
    """Do the main job, once it is planned (`workflows.planning`); raises as `train` does.

    Args:
        plan: What was decided.
        watcher: Who is told how it goes.
        stop: Who may stop it.
        found: Is given the findings on the data before anything is learned from it.
    """
    began = time.monotonic()
    with plan.folder.open(watcher):
        data = _read(plan, watcher, stop)
        if found is not None:
            found(data.findings)
        plan.folder.begin()
        session = in_folder(
            plan.folder.checkpoints, watcher, stop, cache_bytes=plan.request.cache_bytes
        )
        trained, made = train_bundle(plan.recipe, data.learnable, session)
        result = finish(plan, data, (trained, made), session)
        plan.folder.end()
    return replace(result, seconds=time.monotonic() - began)


def _read(plan: Plan, watcher: Watcher, stop: StopRequest) -> Prepared:
    """Read the images, audit them and decide the split of each."""
    request, dataset = plan.request, plan.dataset
    with watcher.stage("reading images") as progress:
        contents = dataset.contents(progress=heeding(stop, progress))
    dataset, kept = keep_splits(dataset, contents, plan.earlier)
    found = (*dataset.notices, *kept, *audit(dataset, contents))
    left_out = gate(found, allow=request.allow, without=request.without)
    found = tuple(
        finding.answered("Left out.") if _is_answered(finding, request, left_out) else finding
        for finding in found
    )
    staying = [row.name not in left_out for row in dataset.rows]
    contents = tuple(content for content, stays in zip(contents, staying, strict=True) if stays)
    dataset = dataset.without(left_out)
    parts = dataset.split(
        *request.shares, seed=request.options.seed, contents=contents, allow=request.allow
    )
    splits = {row.name: row.split for part in parts for row in part.rows}
    whole = dataset.with_splits(splits)
    refuse_seen(whole, contents, plan.earlier)
    for name in SPLITS:
        whole.part(name)  # refuses an empty one, before anything is trained
    noticed = parts[0].notices[len(dataset.notices) :]
    learnable = Learnable(dataset=whole, contents=contents, earlier=plan.earlier)
    if request.wish.needs_images and not any(learnable.calibrates):
        raise not_calibrated("No image would calibrate this model.")
    return Prepared(learnable=learnable, findings=(*found, *noticed))


def _is_answered(finding: Finding, request: Request, left_out: Collection[str]) -> bool:
    """Return whether leaving images out has settled a finding, perhaps one of another check."""
    staying = [path for path in finding.paths if path not in left_out]
    lonely = finding.check in _OF_SEVERAL and len(staying) < min(2, len(finding.paths))
    return finding.check in request.without or lonely

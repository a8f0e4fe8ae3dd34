"""`compress`: a model becomes a smaller one, measured against it before and after.

The smaller model learns from the training images on the model's record, validation images choose
and calibrate it, and both models answer for the test images: one look at each.
"""

from __future__ import annotations

import gzip
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sightline.compression import Options
from sightline.evaluation import compare
from sightline.files import load_attribute, sha256_bytes
from sightline.inference import LiteRTModel, LiteRTRunner
from sightline.inference.latency import Latency, measure_latencies
from sightline.models.build import build
from sightline.models.bundle import WEIGHTS, Bundle, write_bundle
from sightline.models.costs import multiply_adds
from sightline.models.deciding import fulfil
from sightline.models.rules import Rules
from sightline.models.wishes import Wish
from sightline.training.assemble import Made
from sightline.training.learnable import Learnable
from sightline.training.loop import Watcher
from sightline.training.parts import heeding
from sightline.training.session import Session, calibration_json, in_folder
from sightline.training.signals import StopRequest
from sightline.workflows.compressing import CompressResult, Plan, Size
from sightline.workflows.evaluate import Judged
from sightline.workflows.finishing import judge_part
from sightline.workflows.learning import on_record
from sightline.workflows.looks import Looks, record_look


def compress(plan: Plan, *, watcher: Watcher, stop: StopRequest) -> CompressResult:
    """Make the model smaller and measure what that cost.

    Args:
        plan: What was decided (`workflows.compressing`).
        watcher: Who is told how it goes.
        stop: Who may stop it.

    Raises:
        DataError: The images are not those of the model's record.
        Interrupted: A signal asked to stop; the state is saved.
        SightlineError: As the method says.
    """
    began = time.monotonic()
    with plan.folder.open(watcher):
        with watcher.stage("reading images") as progress:
            contents = plan.dataset.contents(progress=heeding(stop, progress))
        data = on_record(plan.bundle, plan.dataset, contents)
        plan.folder.begin()
        session = in_folder(
            plan.folder.checkpoints, watcher, stop, cache_bytes=plan.request.cache_bytes
        )
        made = load_attribute(plan.method.apply)(plan.bundle, data, session, plan.options)
        made = as_wished(made, plan.bundle.rules, watcher)
        result = _finish(plan, data, made, session)
        plan.folder.end()
    return replace(result, seconds=time.monotonic() - began)


def as_wished(made: Made, rules: Rules, watcher: Watcher) -> Made:
    """Return the smaller model with what was wished for of the original, chosen on its own answers.

    Rules of the original hold for it alone.

    Args:
        made: The smaller model.
        rules: The original's.
        watcher: Who is told of what cannot be had.
    """
    bundle, refused = fulfil(made.bundle, Wish.from_json(rules.wish))
    if refused is not None:
        watcher.note(f"What was wished for of the original cannot be had of it: {refused.what}")
    return replace(made, bundle=bundle, runner=LiteRTRunner(bundle))


def _finish(plan: Plan, data: Learnable, made: Made, session: Session) -> CompressResult:
    """Measure both models on the test images, count the looks, and save the smaller one."""
    validation = judge_part(made.runner, data, "validation", session)
    runners = LiteRTRunner(plan.bundle), made.runner
    before, after = (judge_part(runner, data, "test", session) for runner in runners)
    comparison = compare(
        before.predictions, after.predictions, after.labels, groups=after.selection.groups
    )
    bundle = _with_metrics(plan, made, validation=validation, test=after)
    sizes = _sizes((plan.bundle, bundle))
    looks = (
        _look(plan, before, plan.bundle, smaller=False),
        _look(plan, after, bundle, smaller=True),
    )
    write_bundle(plan.folder.path, bundle)
    return CompressResult(
        path=plan.folder.path,
        method=plan.method.name,
        options=plan.options,
        counts=data.dataset.split_counts,
        sizes=sizes,
        comparison=comparison,
        validation=validation.evaluation,
        verification=made.verification,
        looks=looks,
        seconds=0.0,
    )


def _with_metrics(plan: Plan, made: Made, *, validation: Judged, test: Judged) -> Bundle:
    """Return the smaller bundle with its figures, and a record of what it was made from and how."""
    compression = compression_json(plan.method.name, plan.options, plan.bundle)
    measured = {
        "verification": made.verification.to_json(),
        **made.bundle.metrics,
        "test": test.evaluation.to_json(),
        "validation": validation.evaluation.to_json(),
        "calibration": calibration_json(made, None),
        "requirements": [],
    }
    recipe = {**made.bundle.recipe, "compression": compression}
    return replace(made.bundle, metrics=measured, recipe=recipe)


def compression_json(method: str, options: Options, bundle: Bundle) -> dict[str, Any]:
    """Return what a smaller model's recipe says of how it was made.

    Args:
        method: A name in `compression.METHODS`.
        options: Of the method.
        bundle: What it was made from.
    """
    return {
        "method": method,
        "options": options.to_json(),
        "model": sha256_bytes(bundle.members[WEIGHTS]),
    }


def _sizes(bundles: Sequence[Bundle]) -> tuple[Size, Size]:
    # One thread each: what several gain differs from machine to machine.
    twins = [LiteRTModel(one.twin(), one.twin_outputs, threads=1) for one in bundles]
    before, after = map(_size, bundles, measure_latencies(twins))
    return before, after


def _size(bundle: Bundle, latency: Latency) -> Size:
    model, twin = build(bundle.architecture), bundle.twin()
    return Size(
        bytes=len(twin),
        gzip_bytes=len(gzip.compress(twin, mtime=0)),
        parameters=model.count_params(),
        multiply_adds=multiply_adds(model),
        latency=latency,
    )


def _look(plan: Plan, judged: Judged, bundle: Bundle, *, smaller: bool) -> Looks | None:
    return record_look(
        plan.folder.path if smaller else plan.request.model,
        bundle,
        command="compress",
        part="test",
        images=judged.selection.digests,
        accuracy=judged.evaluation.accuracy.value,
    )

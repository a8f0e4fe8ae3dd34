"""`export --quantize auto`: many ways to export a model, one of which is shown to be good enough.

Validation images select. What is told of the winner's accuracy comes from test images, which did
not select: the best of many looks better than it is. Some of the validation images also calibrated
the source, and calibrate each candidate again: both sides of the comparison alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

import numpy as np

from sightline.errors import (
    CheckFailedError,
    ConfigError,
    DataError,
    MissingPackageError,
    ModelError,
)
from sightline.evaluation import Comparison
from sightline.evaluation.noninferiority import CONFIDENCE, drop_limit
from sightline.exporting import (
    Candidate,
    Export,
    ExportFormat,
    LayerLoss,
    Material,
    candidates,
    export_bundle,
    first,
    opened,
)
from sightline.inference import LiteRTRunner, Outputs
from sightline.models.bundle import Bundle
from sightline.workflows.compare import compare_runners
from sightline.workflows.evaluate import Selection
from sightline.workflows.export import (
    Images,
    compared,
    files_of,
    samples_of,
    with_proof,
)
from sightline.workflows.qualifying import (
    AFTER_TRAINING,
    BEFORE_TRAINING,
    Choice,
    Demand,
    Tried,
    best,
    compared_to,
    in_turn,
)

_ROUNDS = 60
_CANNOT_LEARN = (CheckFailedError, ConfigError, DataError, MissingPackageError, ModelError)
Progress = Callable[[str, int, int], None]
Learn = Callable[[], tuple[Bundle, Images]]
"""Gives the model trained for 8 bits, and the images on its record."""


def choose(
    bundle: Bundle,
    form: ExportFormat,
    images: Images,
    demand: Demand,
    *,
    judging: Selection | None = None,
    learn: Learn | None = None,
    progress: Progress | None = None,
) -> Choice:
    """Try all ways to export a bundle to a format, and take the best of those that qualify.

    Args:
        bundle: The model.
        form: One of the table's.
        images: Of `workflows.export.find_images`, which select.
        demand: What the winner has to be.
        judging: Images that judge the winner.
        learn: Trains the model for 8 bits; asked where no way of 8 bits qualifies else, and the
            images could show that it does.
        progress: Told what is done, how much of it, and of how much; may raise.

    Raises:
        CheckFailedError: None qualifies.
        MissingPackageError: What converts or runs the format is not installed.
    """
    found: list[Tried] = []
    losses: tuple[LayerLoss, ...] = ()
    samples = samples_of(images.samples, bundle.preprocessing)
    ways = candidates(bundle, form, samples, at_hand=len(images.samples), progress=progress)
    for way in ways:
        if progress is not None:
            progress(f"trying {way.name}", 0, 1)
        found.append(_try(bundle, form, way, images))
        if progress is not None:
            progress(f"trying {way.name}", 1, 1)
        losses = way.losses or losses
    if not _may_learn(bundle, form, found, demand.most_drop):
        learn = None
    confidence = CONFIDENCE if learn is None else BEFORE_TRAINING
    tried = in_turn(compared_to(one, demand.most_drop, confidence) for one in found)
    if learn is not None and not any(one.eight_bits and one.qualified for one in tried):
        learned = _learned(bundle, form, learn, images)
        tried += in_turn(compared_to(one, demand.most_drop, AFTER_TRAINING) for one in learned)
    timed = _timed(tried, images.pixels)
    qualified = [one for one in timed if one.qualified]
    if not qualified:
        raise _none(timed, demand.most_drop)
    chosen = best(qualified, demand.prefer)
    return Choice(
        tried=tuple(timed),
        chosen=chosen,
        judged=None if judging is None else _judge(bundle, chosen, judging),
        losses=losses,
    )


def _may_learn(
    bundle: Bundle, form: ExportFormat, tried: Sequence[Tried], most_drop: float
) -> bool:
    """Whether training for 8 bits may follow: images enough to show that it is good enough.

    That must not hang on what is found of accuracy, for the limits of all others hang on it.
    """
    if bundle.architecture.quantized or not any(one.learned for one in form.precisions.values()):
        return False
    images = max((one.against.independent for one in tried if one.against), default=0)
    return images > 0 and drop_limit(0, 0, images, AFTER_TRAINING) <= most_drop


def _learned(bundle: Bundle, form: ExportFormat, learn: Learn, images: Images) -> list[Tried]:
    """Return the 8-bit exports of the model after it was trained for them, in their usual way."""
    ways = [
        Candidate(name=f"{one.name}, after training for 8 bits", precision=one)
        for one in form.precisions.values()
        if one.learned
    ]
    try:
        trained, own_images = learn()
    except _CANNOT_LEARN as error:
        return [Tried(name=way.name, bundle=bundle, refused=error) for way in ways]
    expected = LiteRTRunner(bundle).run(images.pixels)
    return [_try(trained, form, way, own_images, original=(bundle, expected)) for way in ways]


def _try(
    bundle: Bundle,
    form: ExportFormat,
    way: Candidate,
    images: Images,
    *,
    original: tuple[Bundle, Outputs] | None = None,
) -> Tried:
    """Export, and hold the export against the model that was asked for.

    Args:
        bundle: What is exported.
        form: To what.
        way: How.
        images: Those of the bundle.
        original: The model that was asked for and its answers, where it is another one.
    """
    samples = samples_of(images.samples, bundle.preprocessing)
    material = Material(
        pixels=images.pixels,
        samples=first(samples, way.precision.samples) if images.samples else None,
        files=files_of(images),
        held_out=images.held_out if way.precision.recalibrated else None,
    )
    tried = Tried(name=way.name, bundle=bundle, eight_bits=way.precision.recalibrated)
    try:
        made = export_bundle(bundle, form, way.precision, material)
    except (CheckFailedError, ModelError) as error:
        return replace(tried, refused=error)
    exported = with_proof(bundle, made, way.precision, material, images)
    if exported.proof is None or made.proven is None:
        raise ValueError("an export without its proof")
    against, agreement = exported.proof.comparison, exported.proof.pixels.agreement
    if original is not None:
        source, expected = original
        runners = LiteRTRunner(source), made.proven.runners[1]
        against, other = compared(runners, (expected, made.proven.answers[1]), images)
        agreement = 1 - len(other) / len(images.rows)
    return replace(
        tried,
        exported=exported,
        against=against,
        agreement=agreement,
        same=way.precision.allowed.agreement == 1,
    )


def _timed(tried: Sequence[Tried], pixels: np.ndarray) -> list[Tried]:
    """Return the candidates with the time of one image, all asked in turn.

    The lower quartile: whatever else the machine does makes a time longer, and never shorter.
    """
    times: dict[str, list[float]] = {one.name: [] for one in tried}
    with ExitStack() as stack:
        runners = {
            one.name: stack.enter_context(opened(_export_of(one), one.bundle))
            for one in tried
            if one.exported is not None
        }
        for number in range(_ROUNDS + 1):
            image = pixels[number % len(pixels)][None]
            # There and back: what follows upon a slow one is no better off in the end.
            turn = list(runners.items())[:: 1 if number % 2 else -1]
            for name, runner in turn:
                began = time.perf_counter()
                runner.run(image)
                times[name].append(time.perf_counter() - began)
    return [
        replace(one, milliseconds=1000 * float(np.quantile(times[one.name][1:], 0.25)))
        if one.exported is not None
        else one
        for one in tried
    ]


def _export_of(one: Tried) -> Export:
    if one.exported is None:
        raise ValueError("a candidate that was refused")
    return one.exported.export


def _judge(bundle: Bundle, chosen: Tried, judging: Selection) -> Comparison:
    with opened(_export_of(chosen), chosen.bundle) as runner:
        return compare_runners(LiteRTRunner(bundle), runner, judging).comparison


def _none(tried: Sequence[Tried], most_drop: float) -> CheckFailedError:
    needed = [one.needed for one in tried if one.needed is not None]
    fix = "allow a larger drop: --max-drop"
    if needed:
        fix = f"give more validation images ({min(needed):,} would show it), or {fix}"
    return CheckFailedError(
        f"No way to export is shown to lose at most {most_drop:g} of the accuracy.",
        expected="one whose largest drop, as far as the images can tell, is within that",
        fix=fix,
        code="nothing_qualifies",
        details={"candidates": [one.to_json() for one in tried]},
    )

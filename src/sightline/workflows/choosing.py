"""`export --quantize auto`: many ways to export a model, one of which is shown to be good enough.

Validation images select. What is told of the winner's accuracy comes from test images, which did
not select: the best of many looks better than it is. Some of the validation images also calibrated
the source, and calibrate each candidate again: both sides of the comparison alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from sightline.errors import (
    CheckFailedError,
    ConfigError,
    DataError,
    MissingPackageError,
    ModelError,
    SightlineError,
)
from sightline.evaluation import Comparison
from sightline.evaluation.noninferiority import Turned, drop_limit
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
    Exported,
    Images,
    compared,
    files_of,
    samples_of,
    with_proof,
)

Preference = Literal["speed", "size"]
PREFERENCES: tuple[Preference, ...] = ("speed", "size")
_ROUNDS = 60
_ALIKE = 1.1
"""Times, and sizes, that differ by less than this are the same: runs differ by as much."""
_CANNOT_LEARN = (CheckFailedError, ConfigError, DataError, MissingPackageError, ModelError)
Progress = Callable[[str, int, int], None]
Learn = Callable[[], tuple[Bundle, Images]]
"""Gives the model trained for 8 bits, and the images on its record."""


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What the winner has to be.

    Attributes:
        most_drop: The drop in accuracy that must be excluded.
        prefer: Whether the fastest or the smallest of those that qualify wins.
    """

    most_drop: float = 0.01
    prefer: Preference = "speed"


@dataclass(frozen=True, kw_only=True, eq=False)
class Tried:
    """One candidate and what was found of it.

    Attributes:
        name: Of the way it was made.
        bundle: What it was made of.
        eight_bits: Whether it computes in them.
        exported: It, proven; None where it disagreed with its source.
        refused: Why it was refused; None where it was not.
        against: The model that was asked for and this one, on the selecting images; None where it
            was refused.
        agreement: Share of these images that both answer alike.
        limit: The one-sided 95 % upper limit of the drop in accuracy on the selecting images.
        needed: How many images would show a drop within what is allowed; None where none would.
        milliseconds: For one image, the lower quartile of many times.
        qualified: Whether the drop is shown to be within what is allowed.
    """

    name: str
    bundle: Bundle
    eight_bits: bool = False
    exported: Exported | None = None
    refused: SightlineError | None = None
    against: Comparison | None = None
    agreement: float | None = None
    limit: float = 1.0
    needed: int | None = None
    milliseconds: float = float("nan")
    qualified: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the figures."""
        timed = self.exported is not None
        return {
            "name": self.name,
            "bytes": self.exported and self.exported.export.size,
            "milliseconds": self.milliseconds if timed else None,
            "agreement": self.agreement,
            "gain": self.against and self.against.gain.to_json(),
            "drop_limit": self.limit,
            "images_needed": self.needed,
            "qualified": self.qualified,
            "refused": self.refused and self.refused.what,
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Choice:
    """What was tried, and what was chosen.

    Attributes:
        tried: All candidates, in the order in which they were tried.
        chosen: The winner.
        judged: The winner against the source on images that did not select; None where there
            are none.
        losses: What eight bits do in each layer, the worst first; empty where nobody looked.
    """

    tried: tuple[Tried, ...]
    chosen: Tried
    judged: Comparison | None
    losses: tuple[LayerLoss, ...]

    @property
    def exported(self) -> Exported:
        """The winner, ready to be written."""
        if self.chosen.exported is None:
            raise ValueError("a refused candidate was chosen")
        return self.chosen.exported

    @property
    def model(self) -> Bundle:
        """What the winner was made of: the model that was asked for, or that trained for 8 bits."""
        return self.chosen.bundle

    def to_json(self) -> dict[str, Any]:
        """Return the figures."""
        return {
            "candidates": [one.to_json() for one in self.tried],
            "chosen": self.chosen.name,
            "judged": self.judged and self.judged.to_json(),
            "layers": [
                {"name": loss.layer.title, "kind": loss.layer.kind, "error": loss.error}
                for loss in self.losses
            ],
        }


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
    tried: list[Tried] = []
    losses: tuple[LayerLoss, ...] = ()
    samples = samples_of(images.samples, bundle.preprocessing)
    ways = candidates(bundle, form, samples, at_hand=len(images.samples), progress=progress)
    for way in ways:
        if progress is not None:
            progress(f"trying {way.name}", 0, 1)
        tried.append(_try(bundle, form, way, images, demand.most_drop))
        if progress is not None:
            progress(f"trying {way.name}", 1, 1)
        losses = way.losses or losses
    if learn is not None and _worth_learning(tried, demand.most_drop):
        tried += _learned(bundle, form, learn, images, demand.most_drop)
    timed = _timed(tried, images.pixels)
    qualified = [one for one in timed if one.qualified]
    if not qualified:
        raise _none(timed, demand.most_drop)
    chosen = best(qualified, demand.prefer)
    judged = None if judging is None else _judge(bundle, chosen, judging)
    return Choice(tried=tuple(timed), chosen=chosen, judged=judged, losses=losses)


def best(qualified: Sequence[Tried], prefer: Preference) -> Tried:
    """Return the smallest, or the fastest.

    Of those as fast as the fastest it is the smallest, of those as small the one that loses least,
    and of equals the first that was tried.

    Args:
        qualified: At least one.
        prefer: What decides.
    """
    if prefer == "size":
        return min(qualified, key=lambda one: (_size(one), one.milliseconds))
    fastest = min(one.milliseconds for one in qualified)
    fast = [one for one in qualified if one.milliseconds <= _ALIKE * fastest]
    smallest = min(map(_size, fast))
    return min((one for one in fast if _size(one) <= _ALIKE * smallest), key=lambda one: one.limit)


def _size(one: Tried) -> float:
    return float("inf") if one.exported is None else one.exported.export.size


def _worth_learning(tried: Sequence[Tried], most_drop: float) -> bool:
    """Whether no way of 8 bits qualifies, and there are images enough to show that one does."""
    if any(one.eight_bits and one.qualified for one in tried):
        return False
    images = [one.against.independent for one in tried if one.against is not None]
    return any(drop_limit(0, 0, n) <= most_drop for n in images if n)


def _learned(
    bundle: Bundle, form: ExportFormat, learn: Learn, images: Images, most_drop: float
) -> list[Tried]:
    """Return the 8-bit exports of the model after it was trained for them, in their usual way."""
    if bundle.architecture.quantized:
        return []
    ways = [
        Candidate(name=f"{one.name}, after training for 8 bits", precision=one)
        for one in form.precisions.values()
        if one.learned
    ]
    if not ways:
        return []
    try:
        trained, own_images = learn()
    except _CANNOT_LEARN as error:
        return [Tried(name=way.name, bundle=bundle, refused=error) for way in ways]
    expected = LiteRTRunner(bundle).run(images.pixels)
    return [
        _try(trained, form, way, own_images, most_drop, original=(bundle, expected)) for way in ways
    ]


def _try(
    bundle: Bundle,
    form: ExportFormat,
    way: Candidate,
    images: Images,
    most_drop: float,
    *,
    original: tuple[Bundle, Outputs] | None = None,
) -> Tried:
    """Export, and hold the export against the model that was asked for.

    Args:
        bundle: What is exported.
        form: To what.
        way: How.
        images: Those of the bundle.
        most_drop: The drop in accuracy that must be excluded.
        original: The model that was asked for and its answers, where it is another one.
    """
    samples = samples_of(images.samples, bundle.preprocessing)
    material = Material(
        pixels=images.pixels,
        samples=first(samples, way.precision.samples),
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
    turned = Turned.of(against)
    # What is proven to be the same function needs no images to show it.
    same = way.precision.allowed.agreement == 1
    return replace(
        tried,
        exported=exported,
        against=against,
        agreement=agreement,
        limit=turned.limit,
        needed=turned.needed(most_drop),
        qualified=same or turned.limit <= most_drop,
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

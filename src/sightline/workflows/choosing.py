"""`export --quantize auto`: many ways to export a model, one of which is shown to be good enough.

Validation images select. What is told of the winner's accuracy comes from test images, which did
not select: the best of many looks better than it is. Some of the validation images also calibrated
the source, and calibrate each candidate again: both sides of the comparison alike.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from sightline.errors import CheckFailedError, ModelError, SightlineError
from sightline.evaluation import Comparison
from sightline.evaluation.noninferiority import Turned
from sightline.exporting import (
    Candidate,
    Export,
    ExportFormat,
    LayerLoss,
    Material,
    Samples,
    candidates,
    export_bundle,
    first,
    opened,
)
from sightline.inference import LiteRTRunner
from sightline.models.bundle import Bundle
from sightline.workflows.compare import compare_runners
from sightline.workflows.evaluate import Selection
from sightline.workflows.export import (
    Exported,
    Images,
    files_of,
    samples_of,
    with_proof,
)

Preference = Literal["speed", "size"]
PREFERENCES: tuple[Preference, ...] = ("speed", "size")
_ROUNDS = 30
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Tried:
    """One candidate and what was found of it.

    Attributes:
        name: Of the way it was made.
        exported: It, proven; None where it disagreed with its source.
        refused: Why it was refused; None where it was not.
        limit: The one-sided 95 % upper limit of the drop in accuracy on the selecting images.
        needed: How many images would show a drop within what is allowed; None where none would.
        milliseconds: Median time of one image.
        qualified: Whether the drop is shown to be within what is allowed.
    """

    name: str
    exported: Exported | None = None
    refused: SightlineError | None = None
    limit: float = 1.0
    needed: int | None = None
    milliseconds: float = float("nan")
    qualified: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the figures."""
        found = self.exported and self.exported.proof
        timed = self.exported is not None
        return {
            "name": self.name,
            "bytes": self.exported and self.exported.export.size,
            "milliseconds": self.milliseconds if timed else None,
            "agreement": found and found.pixels.agreement,
            "gain": found and found.comparison.gain.to_json(),
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
    *,
    most_drop: float,
    prefer: Preference = "speed",
    judging: Selection | None = None,
    progress: Progress | None = None,
) -> Choice:
    """Try all ways to export a bundle to a format, and take the best of those that qualify.

    Args:
        bundle: The model.
        form: One of the table's.
        images: Of `workflows.export.find_images`, which select.
        most_drop: The drop in accuracy that must be excluded.
        prefer: Whether the fastest or the smallest of them wins.
        judging: Images that judge the winner.
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
            progress(way.name, 0, 1)
        tried.append(_try(bundle, form, way, images, samples, most_drop))
        losses = way.losses or losses
    timed = _timed(bundle, tried, images.pixels)
    qualified = [one for one in timed if one.qualified]
    if not qualified:
        raise _none(timed, most_drop)
    chosen = min(qualified, key=lambda one: _rank(one, prefer))
    judged = None if judging is None else _judge(bundle, chosen, judging)
    return Choice(tried=tuple(timed), chosen=chosen, judged=judged, losses=losses)


def _rank(one: Tried, prefer: Preference) -> tuple[float, float]:
    size = float("inf") if one.exported is None else one.exported.export.size
    return (one.milliseconds, size) if prefer == "speed" else (size, one.milliseconds)


def _try(
    bundle: Bundle,
    form: ExportFormat,
    way: Candidate,
    images: Images,
    samples: Samples,
    most_drop: float,
) -> Tried:
    material = Material(
        pixels=images.pixels,
        samples=first(samples, way.precision.samples),
        files=files_of(images),
        held_out=images.held_out if way.precision.recalibrated else None,
    )
    try:
        made = export_bundle(bundle, form, way.precision, material)
    except (CheckFailedError, ModelError) as error:
        return Tried(name=way.name, refused=error)
    exported = with_proof(bundle, made, way.precision, material, images)
    if exported.proof is None:
        raise ValueError("an export without its proof")
    turned = Turned.of(exported.proof.comparison)
    # What is proven to be the same function needs no images to show it.
    same = way.precision.allowed.agreement == 1
    return Tried(
        name=way.name,
        exported=exported,
        limit=turned.limit,
        needed=turned.needed(most_drop),
        qualified=same or turned.limit <= most_drop,
    )


def _timed(bundle: Bundle, tried: Sequence[Tried], pixels: np.ndarray) -> list[Tried]:
    """Return the candidates with the median time of one image, all asked in turn."""
    times: dict[str, list[float]] = {one.name: [] for one in tried}
    with ExitStack() as stack:
        runners = {
            one.name: stack.enter_context(opened(_export_of(one), bundle))
            for one in tried
            if one.exported is not None
        }
        for number in range(_ROUNDS + 1):
            image = pixels[number % len(pixels)][None]
            for name, runner in runners.items():
                began = time.perf_counter()
                runner.run(image)
                times[name].append(time.perf_counter() - began)
    return [
        replace(one, milliseconds=1000 * statistics.median(times[one.name][1:]))
        if one.exported is not None
        else one
        for one in tried
    ]


def _export_of(one: Tried) -> Export:
    if one.exported is None:
        raise ValueError("a candidate that was refused")
    return one.exported.export


def _judge(bundle: Bundle, chosen: Tried, judging: Selection) -> Comparison:
    with opened(_export_of(chosen), bundle) as runner:
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

"""What could be exported instead: one format in all its precisions, and int8 in several ways.

Each way has its reason: layers that lose most can stay in float; more images show more of what
occurs; another rounding trades large weights against many. A network that was trained for 8 bits
has one way only: it brings its ranges along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from sightline.exporting.formats import ExportFormat, Precision, Samples
from sightline.exporting.sensitivity import LayerLoss, layer_losses
from sightline.exporting.tuning import TunableGraph, Tuning
from sightline.files import load_attribute
from sightline.models.bundle import Bundle

MORE_SAMPLES = 500
"""Training images that show which values occur, in the way that has more of them."""
_LOOKED_AT = 32
"""Images that tell what each layer loses."""
_LEFT_IN_FLOAT = (1, 2, 4, 8, 16)

Progress = Callable[[str, int, int], None]
"""Told what is done, how much of it, and of how much."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """One way to export a model.

    Attributes:
        name: For the table, such as `"int8, 4 layers in float"`.
        precision: Whose proof and whose calibration it takes, tuned.
        losses: What was found of the layers on the way here, the worst first.
    """

    name: str
    precision: Precision
    losses: tuple[LayerLoss, ...] = ()


def candidates(
    bundle: Bundle,
    form: ExportFormat,
    samples: Samples,
    *,
    at_hand: int,
    progress: Progress | None = None,
) -> Iterator[Candidate]:
    """Yield the ways to export a bundle to a format, those first that should change least.

    The order is given before anything is found of their accuracy: `workflows.qualifying` counts on
    that.

    Args:
        bundle: The model.
        form: One of the table's.
        samples: Gives training images.
        at_hand: How many those are, `MORE_SAMPLES` at most.
        progress: Told how the looks at the layers go; may raise.
    """
    for precision in form.precisions.values():
        tunable = None if precision.without_samples else form.tunable
        if tunable and precision.samples_for(bundle.architecture):
            graph: TunableGraph = load_attribute(tunable)(bundle, precision)
            yield from _ways(graph, precision, samples, at_hand, progress)
        else:
            yield Candidate(name=precision.name, precision=precision)


def _ways(
    graph: TunableGraph,
    precision: Precision,
    samples: Samples,
    at_hand: int,
    progress: Progress | None,
) -> Iterator[Candidate]:
    statistics = graph.statistics(first(samples, precision.samples)())
    pixels = np.stack(list(first(samples, _LOOKED_AT)()))

    def told(done: int, total: int) -> None:
        if progress is not None:
            progress("layers in eight bits", done, total)

    losses = layer_losses(graph, statistics, pixels, progress=told)
    ways = {}
    for count in reversed(_LEFT_IN_FLOAT):
        if count < len(losses):
            kept = tuple(loss.layer.name for loss in losses[:count])
            words = f", {count} {'layers' if count > 1 else 'layer'} in float"
            ways[words] = Tuning(statistics=statistics, in_float=kept)
    ways[""] = Tuning(statistics=statistics)
    if at_hand > precision.samples:
        ways[f", ranges of {at_hand} images"] = Tuning(statistics=graph.statistics(samples()))
    ways[", kernels to their largest weight"] = Tuning(statistics=statistics, rounding="minmax")
    for words, tuning in ways.items():
        yield Candidate(
            name=f"{precision.name}{words}",
            precision=replace(precision, tuning=tuning),
            losses=losses,
        )


def first(samples: Samples, count: int) -> Samples:
    """Return what gives the first of the samples only."""
    return lambda: islice(samples(), count)

"""What could be exported instead: one format in all its precisions, and int8 in several ways.

Each way has its reason: more images show more of what occurs; another rounding trades large weights
against many; layers that lose most can stay in float.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from sightline.exporting.formats import Converted, ExportFormat, Precision, Samples
from sightline.exporting.litert import SUFFIX
from sightline.exporting.quantizing import Ranges, Rounding, to_int8, value_ranges
from sightline.exporting.sensitivity import LayerLoss, layer_losses
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
        precision: Whose proof and whose calibration it takes.
        convert: Gives its files.
        losses: What was found of the layers on the way here, the worst first.
    """

    name: str
    precision: Precision
    convert: Callable[[], Converted]
    losses: tuple[LayerLoss, ...] = ()


def candidates(
    bundle: Bundle, form: ExportFormat, samples: Samples, *, progress: Progress | None = None
) -> Iterator[Candidate]:
    """Yield the ways to export a bundle to a format, the smallest first where that is known.

    Args:
        bundle: The model.
        form: One of the table's.
        samples: Gives training images, `MORE_SAMPLES` of them if there are as many.
        progress: Told how the looks at the layers go; may raise.
    """
    for precision in sorted(form.precisions.values(), key=lambda one: not one.recalibrated):
        fewer = _first(samples, precision.samples)
        yield Candidate(
            name=precision.name,
            precision=precision,
            convert=_converter(bundle, form, precision, fewer),
        )
        if form.name == "litert" and precision.samples:
            yield from _ways(bundle, precision, samples, progress)


def _converter(
    bundle: Bundle, form: ExportFormat, precision: Precision, samples: Samples
) -> Callable[[], Converted]:
    def convert() -> Converted:
        converted: Converted = load_attribute(form.convert)(bundle, precision, samples)
        return converted

    return convert


def _ways(
    bundle: Bundle, precision: Precision, samples: Samples, progress: Progress | None
) -> Iterator[Candidate]:
    twin, outputs = bundle.twin(), bundle.twin_outputs
    ranges = value_ranges(twin, _first(samples, precision.samples)())
    more = value_ranges(twin, samples())
    pixels = np.stack(list(_first(samples, _LOOKED_AT)()))

    def told(done: int, total: int) -> None:
        if progress is not None:
            progress("layers in eight bits", done, total)

    losses = layer_losses(twin, outputs, ranges, pixels, progress=told)

    settings: list[tuple[str, Ranges, Rounding, tuple[str, ...]]] = [
        (f"ranges of {MORE_SAMPLES} images", more, "octav", ()),
        ("kernels to their largest weight", ranges, "minmax", ()),
    ]
    for count in _LEFT_IN_FLOAT:
        if count < len(losses):
            kept = tuple(loss.name for loss in losses[:count])
            words = f"{count} {'layers' if count > 1 else 'layer'} in float"
            settings.append((words, ranges, "octav", kept))
    for words, found, rounding, kept in settings:
        yield Candidate(
            name=f"{precision.name}, {words}",
            precision=precision,
            convert=_int8(bundle, found, rounding, kept),
            losses=losses,
        )


def _int8(
    bundle: Bundle, ranges: Ranges, rounding: Rounding, in_float: tuple[str, ...]
) -> Callable[[], Converted]:
    def convert() -> Converted:
        outputs = bundle.twin_outputs
        content = to_int8(bundle.twin(), outputs, ranges, rounding=rounding, in_float=in_float)
        return Converted(files={SUFFIX: content}, outputs=outputs)

    return convert


def _first(samples: Samples, count: int) -> Samples:
    return lambda: islice(samples(), count)

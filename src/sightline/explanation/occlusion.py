"""Occlusion: cover a patch, ask again, note how much less the model says the class.

Works on any runner, so also where there is no TensorFlow. After Zeiler and Fergus 2014,
arXiv:1311.2901, section 4.2; patches overlap, and a pixel's value is the mean over the
patches that cover it. What is noted are log-odds, not probabilities (`Subject.evidence`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sightline.errors import ConfigError
from sightline.explanation.baselines import BASELINES
from sightline.explanation.method import Attribution
from sightline.explanation.subject import Subject

_PATCHES = 5  # along the shorter side, where no size is given
_MOST_PLACES = 20_000

Box = tuple[slice, slice]


def occlusion(
    subject: Subject, pixels: np.ndarray, target: int, options: Mapping[str, Any]
) -> Attribution:
    """Return the loss of log-odds for each pixel (see `explanation.method.Attribute`)."""
    height, width, _ = pixels.shape
    patch = options["patch"] or max(1, min(height, width) // _PATCHES)
    stride = options["stride"] or max(1, patch // 2)
    boxes = _boxes(height, width, patch, stride)
    fill = BASELINES[options["fill"]](pixels)
    whole = float(subject.evidence(pixels[None], target)[0])
    total, count = np.zeros((2, height, width))
    for start in range(0, len(boxes), subject.batch):
        some = boxes[start : start + subject.batch]
        left = subject.evidence(_covered(pixels, fill, some), target)
        for box, evidence in zip(some, left, strict=True):
            total[box] += whole - evidence
            count[box] += 1
    return Attribution(
        values=(total / count).astype(np.float32),
        facts={"patch": patch, "stride": stride, "places": len(boxes)},
    )


def _boxes(height: int, width: int, patch: int, stride: int) -> list[Box]:
    if stride > patch:
        raise ConfigError(
            f"The stride is {stride} pixels and the patch {patch}.",
            expected="patches that leave no pixel out",
            fix=f"choose a stride of at most {patch}",
            code="out_of_range",
        )
    rows, columns = _spans(height, patch, stride), _spans(width, patch, stride)
    if len(rows) * len(columns) > _MOST_PLACES:
        raise ConfigError(
            f"A patch of {patch} pixels every {stride} has {len(rows) * len(columns):,} places in "
            f"{height} x {width} pixels.",
            expected=f"at most {_MOST_PLACES:,}: each is one run of the model",
            fix="choose a larger stride",
            code="out_of_range",
        )
    return [(row, column) for row in rows for column in columns]


def _spans(length: int, patch: int, stride: int) -> list[slice]:
    """Return where patches lie along a side: beyond both edges, so that all pixels are equal."""
    starts = range(stride - patch, length, stride)
    return [slice(max(0, start), min(length, start + patch)) for start in starts]


def _covered(pixels: np.ndarray, fill: np.ndarray, boxes: list[Box]) -> np.ndarray:
    """Return one copy of the image for each box, with that box filled."""
    copies = np.repeat(pixels[None], len(boxes), axis=0)
    for copy, box in zip(copies, boxes, strict=True):
        copy[box] = fill[box]
    return copies

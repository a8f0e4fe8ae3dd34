"""Integrated gradients: what each pixel adds to the logit between a baseline and the image.

Sundararajan et al. 2017, arXiv:1703.01365, equation 1: along the straight line from baseline
to image, the gradient of the logit times the pixel's change. The sum over all pixels is the
logit's rise from one to the other (completeness); what the finite number of steps leaves of
that is told as `completeness_gap`. Needs TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sightline.explanation.baselines import BASELINES
from sightline.explanation.method import Attribution
from sightline.explanation.network import Network
from sightline.explanation.subject import Subject


def integrated_gradients(
    subject: Subject, pixels: np.ndarray, target: int, options: Mapping[str, Any]
) -> Attribution:
    """Return the attributions, summed over the channels (see `explanation.method.Attribute`)."""
    network: Network = subject.network
    image = pixels.astype(np.float32)
    baseline = BASELINES[options["baseline"]](pixels).astype(np.float32)
    values, rise = _one_view(network, image, baseline, target, options["steps"])
    if network.mirrored:
        # The model's logits are the mean over both views, and so is their integral.
        other, other_rise = _one_view(
            network, image[:, ::-1], baseline[:, ::-1], target, options["steps"]
        )
        values, rise = (values + other[:, ::-1]) / 2, (rise + other_rise) / 2
    return Attribution(
        values=values.astype(np.float32),
        facts={"logit_rise": rise, "completeness_gap": float(values.sum()) - rise},
    )


def _one_view(
    network: Network, image: np.ndarray, baseline: np.ndarray, target: int, steps: int
) -> tuple[np.ndarray, float]:
    """Return the attributions, float64 (h, w), and the logit of the image over the baseline's."""
    ends, _ = network.pixel_gradients(np.stack([baseline, image]), target)
    # Midpoints of equal steps: the error falls with their square, and neither end, where the
    # image may be flat, counts for a whole step.
    shares = ((np.arange(steps) + 0.5) / steps).astype(np.float32)
    total = np.zeros(image.shape, np.float64)
    for start in range(0, steps, network.batch):
        some = shares[start : start + network.batch, None, None, None]
        _, gradients = network.pixel_gradients(baseline + some * (image - baseline), target)
        total += gradients.sum(axis=0, dtype=np.float64)
    return ((image - baseline) * total / steps).sum(axis=-1), float(ends[1]) - float(ends[0])

"""Grad-CAM: the last convolutional map, weighted by what each of its channels does to the logit.

Selvaraju et al. 2017, arXiv:1610.02391, equations 1 and 2. For a network that ends in global
average pooling and one dense layer this is CAM (Zhou et al. 2016). Needs TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sightline.explanation.method import Attribution
from sightline.explanation.network import Network
from sightline.explanation.resampling import enlarge
from sightline.explanation.subject import Subject


def grad_cam(
    subject: Subject, pixels: np.ndarray, target: int, options: Mapping[str, Any]
) -> Attribution:
    """Return the class activation map (see `explanation.method.Attribute`)."""
    network: Network = subject.network
    views = [pixels, pixels[:, ::-1]] if network.mirrored else [pixels]
    maps, gradients = network.feature_gradients(np.stack(views), target)
    weights = gradients.mean(axis=(1, 2), keepdims=True, dtype=np.float64)
    found = (weights * maps).sum(axis=-1)
    if network.mirrored:
        found[1] = found[1, :, ::-1]
    values = np.maximum(found.mean(axis=0), 0)
    return Attribution(
        values=enlarge(values, *pixels.shape[:2]),
        facts={"rows": values.shape[0], "columns": values.shape[1]},
    )

"""A network whose maps can be worked out by hand.

Its one convolution adds up the channels, pools by mean, and is flattened and averaged: the
logit of class 0 is 3 m and that of class 1 is -2 m, where m is the mean over pixels of the sum
of the channels on 0 to 1. Nothing is negative on the way, so its activations change nothing.
"""

from __future__ import annotations

import numpy as np

from sightline.explanation.network import Network
from sightline.explanation.subject import Subject
from sightline.models import Architecture
from sightline.models.build import build
from sightline.models.weights import named_weights
from sightline.testing.explanations import subject_of

HEIGHT, WIDTH = 8, 12
SLOPES = (3.0, -2.0)


def linear_subject(*, weights: np.ndarray | None = None, tta: str = "none") -> Subject:
    """Return it; `weights` (4, 6) says how much each pooled place counts, by default alike."""
    options = {"filters": [1], "kernel_size": 1, "pooling": "average", "dense_units": 1}
    architecture = Architecture(
        backbone="tutorial_cnn", classes=2, height=HEIGHT, width=WIDTH, options=options, tta=tta
    )
    model = build(architecture)
    places = np.full((HEIGHT // 2, WIDTH // 2), 1 / 24) if weights is None else weights
    given = {
        "conv_1/kernel": np.ones((1, 1, 3, 1)),
        "dense/kernel": places.reshape(-1, 1),
        "logits/kernel": np.array([SLOPES]),
    }
    changed = {
        name: given.get(name, np.zeros_like(value) if "bias" in name else value).astype(np.float32)
        for name, value in named_weights(model).items()
    }
    runner = subject_of(architecture).runner
    return Subject(runner, lambda: Network(architecture, changed))

"""Does a map depend on what the model learned? Maps of randomised models must look different.

Adebayo et al. 2018, Sanity Checks for Saliency Maps, arXiv:1810.03292: a method that draws
the same picture for a model with random weights shows edges of the image, not reasons of the
model. Needs TensorFlow, whatever the method: random weights need a network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sightline.explanation.method import Method
from sightline.explanation.subject import Subject
from sightline.files import load_attribute

LIKE = 0.5
"""A map whose rank correlation with those of random models reaches this shares a quarter of its
order with models that know nothing."""

_SHARES = (0.0, 0.5, 1.0)
_SEEDS = 2

RandomModels = Mapping[float, Sequence[Subject]]
"""By the share of layers that were randomised."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One step of the randomisation.

    Attributes:
        share: Of the layers with weights that were randomised, from the head downwards; 0 is
            the head alone.
        correlation: Mean over random models of Spearman's rank correlation between their
            maps' values and those of the model's map, signs included. A map without any
            structure counts as 0.
    """

    share: float
    correlation: float


@dataclass(frozen=True, kw_only=True)
class SanityCheck:
    """How a map changes as the model forgets.

    Attributes:
        method: Name of the method.
        stages: From the head alone to all layers.
        models: Random models for each stage.
    """

    method: str
    stages: tuple[Stage, ...]
    models: int

    @property
    def correlation(self) -> float:
        """With the maps of models that are random throughout."""
        return self.stages[-1].correlation

    @property
    def passed(self) -> bool:
        """Whether the map depends on the weights."""
        return self.correlation < LIKE

    def to_json(self) -> dict[str, Any]:
        """Return the figures."""
        return {
            "passed": self.passed,
            "limit": LIKE,
            "models": self.models,
            "stages": [
                {"share": stage.share, "correlation": stage.correlation} for stage in self.stages
            ],
        }


def random_models(subject: Subject, *, seed: int = 0) -> RandomModels:
    """Return the model with ever more of its weights randomised, several for each share.

    Raises:
        ModelError: The model has no network to randomise.
        MissingPackageError: TensorFlow is not installed.
    """
    randomised = load_attribute("sightline.explanation.network:randomised")
    return {
        share: [randomised(subject, share=share, seed=seed + number) for number in range(_SEEDS)]
        for share in _SHARES
    }


def sanity_check(
    subject: Subject,
    pixels: np.ndarray,
    *,
    target: int,
    method: Method,
    options: Mapping[str, object] | None = None,
    models: RandomModels | None = None,
) -> SanityCheck:
    """Compare the map of one image with those of ever more randomised models.

    Args:
        subject: The model.
        pixels: uint8 (height, width, channels), its input.
        target: Index of the class.
        method: What draws the maps.
        options: The method's.
        models: What `random_models` gave for this subject, where several images share them.

    Raises:
        ModelError: The model has no network to randomise.
        MissingPackageError: TensorFlow is not installed.
    """
    own = method.attribute(subject, pixels, target=target, options=options).values
    stages = []
    for share, changed in (models or random_models(subject)).items():
        maps = [method.attribute(one, pixels, target=target, options=options) for one in changed]
        likeness = [rank_correlation(own, found.values) for found in maps]
        stages.append(Stage(share=share, correlation=float(np.mean(likeness))))
    return SanityCheck(method=method.name, stages=tuple(stages), models=_SEEDS)


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return Spearman's rank correlation of two arrays of equal size; 0 where one is constant."""
    ranks = [_ranks(values) for values in (first, second)]
    one, other = (rank - rank.mean() for rank in ranks)
    scale = np.sqrt((one**2).sum() * (other**2).sum())
    return float((one * other).sum() / scale) if scale else 0.0


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return the rank of each value, equal ones sharing the mean of theirs: float64 (m,)."""
    _, place, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[place.ravel()], np.float64)

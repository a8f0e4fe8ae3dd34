"""Which layers lose most in eight bits: each of them alone, all others in float.

What a layer does to the logits counts, not how far its own values are off: some errors are averaged
away further on, and some are not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sightline.exporting.tuning import Layer, Statistics, TunableGraph, Tuning


@dataclass(frozen=True, kw_only=True)
class LayerLoss:
    """What eight bits in one layer do.

    Attributes:
        layer: Which.
        error: Root mean square of what it changes in the logits, as a share of their spread.
    """

    layer: Layer
    error: float


def layer_losses(
    graph: TunableGraph,
    statistics: Statistics,
    pixels: np.ndarray,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[LayerLoss, ...]:
    """Return what eight bits do in each layer with weights alone, the worst first.

    Args:
        graph: In float32.
        statistics: Of all values in it.
        pixels: Real images, uint8 (n, height, width, channels).
        progress: Called with (done, total); may raise.

    Raises:
        MissingPackageError, ModelError: The graph cannot be quantised.
    """
    source = graph.logits(pixels)
    spread = max(float(source.std()), 1e-12)
    inner = [layer for layer in graph.layers if not layer.after]
    weighted = [layer for layer in inner if layer.weighted]
    found = []
    for done, layer in enumerate(weighted, start=1):
        own = {layer.name, *layer.joined}
        others = tuple(other.name for other in inner if other.name not in own)
        given = graph.logits(pixels, Tuning(statistics=statistics, in_float=others))
        error = float(np.sqrt(np.mean((given - source) ** 2))) / spread
        found.append(LayerLoss(layer=layer, error=error))
        if progress is not None:
            progress(done, len(weighted))
    return tuple(sorted(found, key=lambda loss: -loss.error))

"""Which layers lose most in eight bits: each of them alone, all others in float.

What a layer does to the logits counts, not how far its own values are off: some errors are averaged
away further on, and some are not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from sightline.exporting.quantizing import layers, to_int8
from sightline.exporting.tuning import Ranges, Tuning
from sightline.inference.litert import LiteRTModel


@dataclass(frozen=True, kw_only=True)
class LayerLoss:
    """What eight bits in one layer do.

    Attributes:
        name: Of the layer, as `Tuning.in_float` takes it.
        kind: For example `"CONV_2D"`.
        error: Root mean square of what it changes in the logits, as a share of their spread.
    """

    name: str
    kind: str
    error: float

    @property
    def short_name(self) -> str:
        """The layer as its network calls it: the tensor's name lists all that was fused into it."""
        first = self.name.partition(";")[0]
        return "/".join(first.split("/")[1:]) or first


def layer_losses(
    content: bytes,
    outputs: Mapping[str, str],
    ranges: Ranges,
    pixels: np.ndarray,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[LayerLoss, ...]:
    """Return what eight bits do in each layer with weights alone, the worst first.

    Args:
        content: A LiteRT file in float32.
        outputs: Name of the tensor for each output.
        ranges: Of `quantizing.value_ranges`.
        pixels: Real images, uint8 (n, height, width, channels).
        progress: Called with (done, total); may raise.

    Raises:
        MissingPackageError, ModelError: As `quantizing.to_int8`.
    """
    wanted = {"logits": outputs["logits"]}
    source = LiteRTModel(content, wanted).run(pixels)["logits"]
    spread = max(float(source.std()), 1e-12)
    inner = [layer for layer in layers(content, outputs) if not layer.after]
    weighted = [layer for layer in inner if layer.weighted]
    found = []
    for done, layer in enumerate(weighted, start=1):
        others = tuple(other.name for other in inner if other.name != layer.name)
        alone = to_int8(content, outputs, ranges, Tuning(in_float=others))
        given = LiteRTModel(alone, wanted).run(pixels)["logits"]
        error = float(np.sqrt(np.mean((given - source) ** 2))) / spread
        found.append(LayerLoss(name=layer.name, kind=layer.kind, error=error))
        if progress is not None:
            progress(done, len(weighted))
    return tuple(sorted(found, key=lambda loss: -loss.error))

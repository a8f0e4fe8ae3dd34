"""The model under question: a runner that answers, and a network to look into where there is one.

Needs no TensorFlow until a method asks for the network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sightline.errors import ModelError
from sightline.files import load_attribute
from sightline.inference import LiteRTRunner, Outputs, Runner
from sightline.models.bundle import Bundle

_BATCH_PIXELS = 32 * 224 * 224
_MOST_IN_BATCH = 256


class Subject:
    """A model as methods see it.

    Args:
        runner: Gives its answers.
        open_network: Makes the `explanation.network.Network` when it is first needed; `None`
            for a format that has lost it.

    Attributes:
        runner: As given.
    """

    def __init__(self, runner: Runner, open_network: Callable[[], Any] | None = None) -> None:
        self.runner = runner
        self._open_network = open_network
        self._network: Any = None

    @classmethod
    def of_bundle(cls, bundle: Bundle) -> Subject:
        """Return a bundle as a subject: its twin answers, its network is built on demand."""
        return cls(
            LiteRTRunner(bundle),
            lambda: load_attribute("sightline.explanation.network:network_of")(bundle),
        )

    def open(self) -> None:
        """Open the network now instead of when it is first needed (see `network`)."""
        _ = self.network

    @property
    def network(self) -> Any:
        """The network, an `explanation.network.Network`.

        Raises:
            ModelError: This model's format has lost it.
            MissingPackageError: TensorFlow is not installed.
        """
        if self._network is None:
            if self._open_network is None:
                raise ModelError(
                    "This model gives answers but no gradients.",
                    expected="a .sightline file, or a method that only asks for answers",
                    fix="use the method occlusion",
                    code="no_gradients",
                )
            self._network = self._open_network()
        return self._network

    def outputs(self, pixels: np.ndarray) -> Outputs:
        """Return what the model says of uint8 pixels (n, height, width, channels)."""
        return self.runner.run(pixels)

    def evidence(self, pixels: np.ndarray, target: int) -> np.ndarray:
        """Return how strongly the model says `target`: the log-odds of the class, float64 (n,).

        They rise and fall with the probability but never saturate: where the probability is
        1 to the last bit of a float, they still tell more from less.
        """
        logits = self.runner.run(pixels).logits.astype(np.float64)
        own = logits[:, target]
        if self.runner.task == "multi_label":
            return np.asarray(own)
        others = np.delete(logits, target, axis=1)
        highest = others.max(axis=1)
        total = highest + np.log(np.exp(others - highest[:, None]).sum(axis=1))
        return np.asarray(own - total)

    @property
    def batch(self) -> int:
        """How many images to run at once, so that memory stays bounded whatever their size."""
        wanted = self.runner.preprocessing
        return min(max(1, _BATCH_PIXELS // (wanted.height * wanted.width)), _MOST_IN_BATCH)

"""The proof that two runners give the same answers on the same pixels.

Sees two runners and arrays; knows no format. A difference beyond the tolerance is an error,
so that nothing that disagrees with its source is ever written.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sightline.errors import CheckFailedError
from sightline.inference.runner import Runner

FLOAT32_TOLERANCE = 1e-4
"""Largest |Δp| that float32 rounding in another order of operations explains (1e-6 to 5e-5
measured on MobileNetV2, chaotic random weights being the worst case)."""


@dataclass(frozen=True, kw_only=True)
class Verification:
    """How far apart two runners are.

    Attributes:
        n: Images compared.
        max_difference: Largest |Δp| over all images and classes.
        mean_difference: Mean |Δp|.
        agreement: Share of images with the same first answer.
        disagreements: Rows where the first answer differs though the source's margin is more
            than twice `max_difference`, so that rounding cannot explain it.
        tolerance: The |Δp| allowed.
    """

    n: int
    max_difference: float
    mean_difference: float
    agreement: float
    disagreements: tuple[int, ...]
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the runners agree."""
        return self.max_difference <= self.tolerance and not self.disagreements

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON."""
        return {**asdict(self), "disagreements": list(self.disagreements), "passed": self.passed}


def compare_runners(
    source: Runner, target: Runner, pixels: np.ndarray, *, tolerance: float = FLOAT32_TOLERANCE
) -> Verification:
    """Compare two runners on uint8 pixels (n, height, width, channels), n at least 1."""
    expected = source.run(pixels).probabilities.astype(np.float64)
    given = target.run(pixels).probabilities.astype(np.float64)
    difference = np.abs(expected - given)
    # NaN compares as false with everything: it must count as the worst difference, not as none.
    worst = float(difference.max()) if np.isfinite(difference).all() else float("inf")
    changed = expected.argmax(axis=1) != given.argmax(axis=1)
    ordered = np.sort(expected, axis=1)
    clear = ordered[:, -1] - ordered[:, -2] > 2 * worst
    return Verification(
        n=len(pixels),
        max_difference=worst,
        mean_difference=float(difference.mean()) if np.isfinite(worst) else float("inf"),
        agreement=float(1 - changed.mean()),
        disagreements=tuple(int(row) for row in np.flatnonzero(changed & clear)),
        tolerance=tolerance,
    )


def require_agreement(verification: Verification, *, name: str) -> None:
    """Refuse an export that differs from its source.

    Raises:
        CheckFailedError: `verification` did not pass.
    """
    if not verification.passed:
        raise CheckFailedError(
            f"{name} disagrees with its source: |Δp| up to {verification.max_difference:.2g} on "
            f"{verification.n} images, {len(verification.disagreements)} clear answers changed.",
            expected=f"|Δp| of at most {verification.tolerance:g} and the same answers",
            fix="nothing was written; report this with the backbone and options you used",
            code="export_disagrees",
            # An infinite difference has no word in JSON.
            details={"disagreements": list(verification.disagreements[:20])},
        )

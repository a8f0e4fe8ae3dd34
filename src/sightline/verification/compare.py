"""The proof that two runners give the same answers on the same pixels.

Sees two runners and arrays; knows no format. A difference beyond the tolerance is an error,
so that nothing that disagrees with its source is ever written. Probabilities alone would not
do: where a network is sure of itself, logits of another scale give the same ones.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from sightline.errors import CheckFailedError
from sightline.inference.runner import Outputs, Runner

FLOAT32_TOLERANCE = 1e-4
"""Largest |Δp| that float32 rounding in another order of operations explains (1e-6 to 5e-5
measured on MobileNetV2, chaotic random weights being the worst case)."""
RELATIVE_TOLERANCE = 1e-3
"""Largest difference of logits and embeddings, as a share of the largest of their values
(rounding: 1e-7 to 1e-5 measured)."""


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How far apart two runners may be.

    Attributes:
        difference: Largest |Δp|.
        relative: Largest difference of logits and embeddings, as a share of the largest; `None`
            judges neither.
        agreement: Least share of images with the same answer; at 1, an answer may still turn over
            where the source's margin is less than `difference` can explain.
        mean: Largest mean |Δp|.
        spread: Largest root mean square difference of logits, and of embeddings, as a share of the
            standard deviation of the source's; 1 is as far as saying the same of all images.
            `None` judges neither.
    """

    difference: float = FLOAT32_TOLERANCE
    relative: float | None = RELATIVE_TOLERANCE
    agreement: float = 1.0
    mean: float = 1.0
    spread: float | None = None


_FLOAT32 = Tolerance()
_LEAST_AGREEMENT = 0.9
"""Share of the same answers that an override cannot lower: a proof that asks for less is none."""
_EXPLAINED = 2e-2
"""|Δp| up to which an answer that turns over is explained by the margin of its source. Beyond,
almost any is, so the share of the same answers is judged instead."""


@dataclass(frozen=True, kw_only=True)
class Verification:
    """How far apart two runners are.

    Attributes:
        n: Images compared.
        max_difference: Largest |Δp| over all images and classes; infinite where there is NaN.
        mean_difference: Mean |Δp|.
        logits_difference: Largest difference of logits as a share of the largest logit.
        embedding_difference: The same of embeddings; `None` where a runner has none.
        spread: The larger root mean square difference of logits and of embeddings, as a share of
            the standard deviation of the source's; infinite where there is NaN.
        agreement: Share of images with the same answer.
        disagreements: Rows where the answer differs though the source's margin is more than
            the tolerance can explain.
        allowed: How far apart they may be.
    """

    n: int
    max_difference: float
    mean_difference: float
    logits_difference: float
    embedding_difference: float | None
    spread: float
    agreement: float
    disagreements: tuple[int, ...]
    allowed: Tolerance = _FLOAT32

    @property
    def passed(self) -> bool:
        """Whether the runners agree."""
        relative, allowed = (
            max(self.logits_difference, self.embedding_difference or 0.0),
            self.allowed,
        )
        close = self.max_difference <= allowed.difference and self.mean_difference <= allowed.mean
        close = close and (allowed.spread is None or self.spread <= allowed.spread)
        alike = allowed.relative is None or relative <= allowed.relative
        if allowed.agreement < 1:
            return close and alike and self.agreement >= allowed.agreement
        return close and alike and not self.disagreements

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON."""
        figures = {name: value for name, value in asdict(self).items() if name != "allowed"}
        return {
            **figures,
            # Where all images have the same numbers, no share of their spread is defined.
            "spread": self.spread if np.isfinite(self.spread) else None,
            "disagreements": list(self.disagreements),
            "tolerance": self.allowed.difference,
            "relative_tolerance": self.allowed.relative,
            "least_agreement": self.allowed.agreement,
            "mean_tolerance": self.allowed.mean,
            "spread_tolerance": self.allowed.spread,
            "passed": self.passed,
        }


def compare_runners(
    source: Runner, target: Runner, pixels: np.ndarray, *, tolerance: Tolerance = _FLOAT32
) -> Verification:
    """Compare two runners on uint8 pixels (n, height, width, channels), n at least 1.

    Raises:
        CheckFailedError: They name other classes, or do another task.
    """
    if (source.classes, source.task) != (target.classes, target.task):
        raise CheckFailedError(
            f"The runners cannot be compared: one answers {source.task} with "
            f"{', '.join(source.classes)}, the other {target.task} with "
            f"{', '.join(target.classes)}.",
            expected="the same classes in the same order",
            code="export_disagrees",
        )
    outputs = source.run(pixels), target.run(pixels)
    return compare_outputs((source, target), outputs, tolerance=tolerance)


def compare_outputs(
    runners: tuple[Runner, Runner],
    outputs: tuple[Outputs, Outputs],
    *,
    tolerance: Tolerance = _FLOAT32,
) -> Verification:
    """Compare what two runners of the same classes gave for the same pixels.

    Args:
        runners: The source and the other, each of which decides by its own rules.
        outputs: What they gave.
        tolerance: How far apart they may be.
    """
    (source, target), (expected, given) = runners, outputs
    _check_shapes(expected, given)
    difference = np.abs(expected.probabilities.astype(np.float64) - given.probabilities)
    worst = largest_difference(expected.probabilities, given.probabilities)
    decided, margins = answers(source, expected.probabilities)
    changed = decided != answers(target, given.probabilities)[0]
    embedding = None
    spread = spread_difference(expected.logits, given.logits)
    if expected.embedding is not None and given.embedding is not None:
        embedding = relative_difference(expected.embedding, given.embedding)
        spread = max(spread, spread_difference(expected.embedding, given.embedding))
    return Verification(
        n=len(expected.probabilities),
        max_difference=worst,
        mean_difference=float(difference.mean()) if np.isfinite(worst) else float("inf"),
        logits_difference=relative_difference(expected.logits, given.logits),
        embedding_difference=embedding,
        spread=spread,
        agreement=float(1 - changed.any(axis=1).mean()),
        disagreements=tuple(
            int(row)
            for row in np.flatnonzero((changed & (margins > tolerance.difference)).any(axis=1))
        ),
        allowed=tolerance,
    )


def largest_difference(expected: np.ndarray, given: np.ndarray) -> float:
    """Return the largest |Δ|; infinite for other shapes, and where either is not finite."""
    if expected.shape != given.shape:
        return float("inf")
    difference = np.abs(expected.astype(np.float64) - given)
    # NaN compares as false with everything: it must count as the worst difference, not as none.
    return float(difference.max()) if np.isfinite(difference).all() else float("inf")


def relative_difference(expected: np.ndarray, given: np.ndarray) -> float:
    """Return the largest |Δ| as a share of the largest expected value, of 1 if that is less."""
    return largest_difference(expected, given) / max(1.0, float(np.abs(expected).max()))


def spread_difference(expected: np.ndarray, given: np.ndarray) -> float:
    """Return the root mean square of Δ as a share of the standard deviation over images.

    Infinite for other shapes, and where either is not finite.
    """
    if not np.isfinite(largest_difference(expected, given)):
        return float("inf")
    wanted = expected.astype(np.float64)
    error = np.sqrt(np.mean((wanted - given) ** 2))
    scale = np.sqrt(np.mean((wanted - wanted.mean(axis=0)) ** 2))
    return float(error / scale) if scale > 0 else (float("inf") if error > 0 else 0.0)


def _check_shapes(expected: Outputs, given: Outputs) -> None:
    for name in ("probabilities", "logits"):
        wanted, found = getattr(expected, name).shape, getattr(given, name).shape
        if wanted != found:
            raise CheckFailedError(
                f"The {name} are of shape {found}, and those of the source of shape {wanted}.",
                expected="one number for each class and image",
                fix="export again from the source",
                code="export_disagrees",
            )


def answers(runner: Runner, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return decisions (n, ...) that can be compared, and how far each is from turning over."""
    if runner.task == "multi_label":
        thresholds = np.array(runner.rules.thresholds or 0.5, np.float32)
        return probabilities >= thresholds, np.abs(probabilities - thresholds)
    if runner.rules.positive is not None:
        name, limit = runner.rules.positive
        own = probabilities[:, [runner.classes.index(name)]]
        return own >= np.float32(limit), np.abs(own - np.float32(limit))
    ordered = np.sort(probabilities, axis=1)
    # Rounding lowers the first and raises the second.
    margins = (ordered[:, -1:] - ordered[:, -2:-1]) / 2
    return probabilities.argmax(axis=1)[:, None], margins


def overridden(allowed: Tolerance, difference: float) -> Tolerance:
    """Return a tolerance with another |Δp|; logits may then be as far apart.

    Answers are judged all the same: by their margins up to 0.02, and beyond it by the share of
    the same ones, which has to be 0.9 at least.
    """
    relative = allowed.relative and max(allowed.relative, difference)
    agreement = allowed.agreement
    if difference > _EXPLAINED:
        agreement = min(agreement, _LEAST_AGREEMENT)
    return replace(allowed, difference=difference, relative=relative, agreement=agreement)


def require_agreement(
    verification: Verification,
    *,
    name: str,
    fix: str = "report this with the backbone and options you used",
) -> None:
    """Refuse an export that differs from its source.

    Args:
        verification: What was found.
        name: Of the export, for the error.
        fix: What its user can do.

    Raises:
        CheckFailedError: `verification` did not pass.
    """
    if not verification.passed:
        raise CheckFailedError(
            f"{name} disagrees with its source: |Δp| up to {verification.max_difference:.2g} on "
            f"{verification.n} images, the same answer for {verification.agreement:.3f} of them, "
            f"{len(verification.disagreements)} clear answers changed; mean |Δp| is "
            f"{verification.mean_difference:.2g}, logits and embeddings are off by "
            f"{verification.spread:.2g} of their spread; "
            f"logits differ by up to {verification.logits_difference:.2g} of the largest, "
            f"embeddings by {verification.embedding_difference or 0:.2g}.",
            expected=_expected(verification.allowed),
            fix=fix,
            code="export_disagrees",
            # An infinite difference has no word in JSON.
            details={"disagreements": list(verification.disagreements[:20])},
        )


def _expected(allowed: Tolerance) -> str:
    alike = (
        "the same answers"
        if allowed.agreement == 1
        else (f"the same answers for {allowed.agreement:.0%} of the images")
    )
    words = [f"|Δp| of at most {allowed.difference:g}", alike]
    if allowed.relative is not None:
        words.append(f"logits and embeddings within {allowed.relative:g}")
    if allowed.mean < 1:
        words.append(f"mean |Δp| of at most {allowed.mean:g}")
    if allowed.spread is not None:
        words.append(f"logits and embeddings within {allowed.spread:g} of their spread")
    return ", ".join(words)

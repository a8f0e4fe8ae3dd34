from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from sightline.errors import CheckFailedError
from sightline.images import Preprocessing
from sightline.inference import Outputs
from sightline.models.rules import Rules
from sightline.predictions import Task
from sightline.verification import Tolerance, compare_runners, overridden, require_agreement

RNG = np.random.default_rng(4)
KERNEL = RNG.normal(0, 0.02, (5 * 6 * 3, 4))
PIXELS = RNG.integers(0, 256, (12, 5, 6, 3), np.uint8)


class Linear:
    """A linear classifier; `change` is what a sabotaged twin does to its outputs."""

    def __init__(
        self,
        change: Callable[[Outputs], Outputs] = lambda outputs: outputs,
        *,
        task: Task = "multi_class",
        see: Callable[[np.ndarray], np.ndarray] = lambda pixels: pixels,
        classes: tuple[str, ...] = ("a", "b", "c", "d"),
    ) -> None:
        self.classes = classes
        self.task = task
        self.rules = Rules(thresholds=(0.5, 0.3, 0.5, 0.8) if task == "multi_label" else ())
        self.preprocessing = Preprocessing(height=5, width=6)
        self._change = change
        self._see = see

    def run(self, pixels: np.ndarray) -> Outputs:
        embedding = self._see(pixels).reshape(len(pixels), -1).astype(np.float32) / 255
        logits = (embedding @ KERNEL * 10).astype(np.float32)
        return self._change(
            Outputs(probabilities=self.squash(logits), logits=logits, embedding=embedding)
        )

    def squash(self, logits: np.ndarray) -> np.ndarray:
        if self.task == "multi_label":
            return 1 / (1 + np.exp(-logits))
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)


def permuted(outputs: Outputs) -> Outputs:
    order = [1, 0, 2, 3]
    return replace(
        outputs, probabilities=outputs.probabilities[:, order], logits=outputs.logits[:, order]
    )


def with_nan(outputs: Outputs) -> Outputs:
    spoilt = outputs.probabilities.copy()
    spoilt[3, 1] = np.nan
    return replace(outputs, probabilities=spoilt)


SABOTAGE: dict[str, Linear] = {
    "swapped channels": Linear(see=lambda pixels: pixels[..., ::-1]),
    "turned upside down": Linear(see=lambda pixels: pixels[:, ::-1]),
    "wrong scale": Linear(see=lambda pixels: pixels * 0.98),
    "permuted classes": Linear(permuted),
    "NaN": Linear(with_nan),
    "NaN logits": Linear(lambda out: replace(out, logits=out.logits * np.float32(np.nan))),
    "logits of another scale": Linear(lambda out: replace(out, logits=out.logits * 1.01)),
    "another embedding": Linear(lambda out: replace(out, embedding=out.embedding[:, ::-1])),
    "embeddings of another width": Linear(lambda out: replace(out, embedding=out.embedding[:, 1:])),
    "one answer for all images": Linear(
        lambda out: replace(out, probabilities=np.repeat(out.probabilities[:1], 12, axis=0))
    ),
}


@pytest.mark.parametrize("twin", SABOTAGE.values(), ids=SABOTAGE.keys())
def test_a_sabotaged_twin_is_refused(twin: Linear) -> None:
    verification = compare_runners(Linear(), twin, PIXELS)
    assert not verification.passed
    with pytest.raises(CheckFailedError, match="The twin disagrees") as caught:
        require_agreement(verification, name="The twin")
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("task", ["multi_class", "multi_label"])
def test_a_runner_agrees_with_itself(task: Task) -> None:
    verification = compare_runners(Linear(task=task), Linear(task=task), PIXELS)
    assert verification.passed
    assert verification.agreement == 1
    assert verification.max_difference == verification.logits_difference == 0
    require_agreement(verification, name="The twin")


def test_rounding_is_no_disagreement() -> None:
    def rounded(outputs: Outputs) -> Outputs:
        noise = RNG.normal(0, 1e-6, outputs.probabilities.shape)
        return replace(outputs, probabilities=outputs.probabilities + noise)

    verification = compare_runners(Linear(), Linear(rounded), PIXELS)
    assert verification.passed
    assert 0 < verification.mean_difference < verification.max_difference < 1e-5


def test_clear_answers_that_change_are_listed_and_close_calls_are_not() -> None:
    source = np.array([[0.6, 0.4], [0.50004, 0.49996], [0.2, 0.8]], np.float32)
    target = np.array([[0.4, 0.6], [0.49999, 0.50001], [0.2, 0.8]], np.float32)

    def giving(probabilities: np.ndarray) -> Linear:
        logits = np.zeros_like(probabilities)
        answer = Outputs(probabilities=probabilities, logits=logits, embedding=None)
        return Linear(lambda _: answer, classes=("a", "b"))

    verification = compare_runners(giving(source), giving(target), PIXELS[:3])
    assert verification.disagreements == (0,)
    assert verification.agreement == pytest.approx(1 / 3)
    assert verification.max_difference == pytest.approx(0.2)
    assert verification.embedding_difference is None
    assert verification.to_json()["passed"] is False


def test_multi_label_answers_are_compared_label_by_label() -> None:
    def lowered(outputs: Outputs) -> Outputs:
        spoilt = outputs.probabilities.copy()
        spoilt[:, 1] = 0.29  # the threshold of this label is 0.3
        return replace(outputs, probabilities=spoilt)

    source = Linear(task="multi_label")
    verification = compare_runners(source, Linear(lowered, task="multi_label"), PIXELS)
    given = source.run(PIXELS).probabilities[:, 1] >= 0.3
    assert 0 < given.sum() < 12, "the case says nothing"
    assert verification.disagreements == tuple(np.flatnonzero(given))


@pytest.mark.parametrize(
    "other", [Linear(classes=("b", "a", "c", "d")), Linear(task="multi_label")]
)
def test_runners_of_other_classes_or_tasks_are_not_compared(other: Linear) -> None:
    with pytest.raises(CheckFailedError, match="cannot be compared"):
        compare_runners(Linear(), other, PIXELS)


def test_no_tolerance_makes_the_proof_empty() -> None:
    allowed = overridden(Tolerance(), 1.0)
    found = compare_runners(Linear(), Linear(permuted), PIXELS, tolerance=allowed)
    assert found.max_difference <= 1 and found.agreement < 0.9 and not found.passed
    assert compare_runners(Linear(), Linear(), PIXELS, tolerance=allowed).passed
    assert overridden(Tolerance(), 1e-3).agreement == 1

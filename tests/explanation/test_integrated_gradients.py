from __future__ import annotations

import numpy as np
import pytest

from sightline.explanation import METHODS
from sightline.explanation.baselines import BASELINES
from sightline.models import Architecture
from sightline.testing.explanations import noise, subject_of

from .linear import HEIGHT, SLOPES, WIDTH, linear_subject

METHOD = METHODS["integrated_gradients"]


def smooth(tta: str = "none") -> Architecture:
    """Return a network without corners: the sum over steps then comes close quickly."""
    options = {"widths": [4, 8], "activation": "gelu"}
    return Architecture(
        backbone="small_resnet", classes=3, height=24, width=16, options=options, tta=tta
    )


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("target", [0, 1])
def test_by_hand(baseline, target):
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    found = METHOD.attribute(
        linear_subject(), pixels, target=target, options={"steps": 3, "baseline": baseline}
    )
    change = pixels.astype(np.float64) - BASELINES[baseline](pixels)
    expected = SLOPES[target] * change.sum(axis=-1) / 255 / (HEIGHT * WIDTH)
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("tta", ["none", "flip"])
@pytest.mark.parametrize("baseline", BASELINES)
def test_completeness(baseline, tta):
    """The sum is the rise of the model's own logit; 128 steps leave less than a hundredth."""
    architecture = smooth(tta)
    subject = subject_of(architecture)
    pixels = noise(architecture, images=1)[0]
    found = METHOD.attribute(
        subject, pixels, target=1, options={"steps": 128, "baseline": baseline}
    )
    ends = subject.outputs(np.stack([BASELINES[baseline](pixels), pixels])).logits[:, 1]
    rise = float(ends[1] - ends[0])
    assert found.facts["logit_rise"] == pytest.approx(rise, abs=1e-4)
    assert found.values.sum() == pytest.approx(rise, abs=0.01 * abs(rise) + 1e-3)
    gap = found.facts["completeness_gap"]
    assert gap == pytest.approx(float(found.values.sum()) - rise, abs=1e-4)


def test_more_steps_leave_less():
    subject = subject_of(smooth())
    pixels = noise(smooth(), images=1)[0]
    gaps = [
        abs(
            METHOD.attribute(subject, pixels, target=0, options={"steps": steps}).facts[
                "completeness_gap"
            ]
        )
        for steps in (2, 64)
    ]
    assert gaps[1] < gaps[0] / 4


def test_the_batches_do_not_show(monkeypatch):
    subject = subject_of(smooth())
    pixels = noise(smooth(), images=1)[0]
    whole = METHOD.attribute(subject, pixels, target=0, options={"steps": 10}).values
    monkeypatch.setattr("sightline.explanation.network._BATCH_PIXELS", 3 * 24 * 16)
    assert subject.network.batch == 3
    parts = METHOD.attribute(subject, pixels, target=0, options={"steps": 10}).values
    np.testing.assert_allclose(parts, whole, atol=1e-6)


def test_an_image_that_is_its_own_baseline_has_nothing_to_explain():
    grey = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    options = {"steps": 2, "baseline": "mean"}
    assert not METHOD.attribute(linear_subject(), grey, target=0, options=options).values.any()

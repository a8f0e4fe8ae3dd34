from __future__ import annotations

import pytest

from sightline.evaluation import Estimate, wilson
from sightline.reporting.page.sentences import (
    between,
    counted,
    images,
    interval,
    share_of,
    signed,
    value,
)


def estimate(middle: float, low: float, high: float) -> Estimate:
    return Estimate(value=middle, low=low, high=high, n=100)


@pytest.mark.parametrize(
    ("given", "limits", "middle", "difference"),
    [
        (estimate(0.876, 0.8391, 0.9063), "0.83 and 0.91", "0.876", "+0.876"),
        (estimate(-0.24, -0.331, -0.152), "-0.34 and -0.15", "-0.240", "−0.240"),
        (estimate(0.02, -0.05, 0.09), "-0.05 and 0.09", "0.020", "+0.020"),
        (Estimate.undefined(), "", "–", "–"),
    ],
)
def test_limits_are_said_rounded_outward(
    given: Estimate, limits: str, middle: str, difference: str
) -> None:
    assert between(given) == limits
    assert interval(given) == limits.replace(" and ", " to ")
    assert value(given) == middle
    assert signed(given) == difference


def test_a_share_is_said_in_images() -> None:
    assert share_of(wilson(326, 372), "test") == (
        "Right for 326 of 372 test images: 0.876, and between 0.83 and 0.91 if other images from "
        "the same source had been drawn."
    )
    assert share_of(Estimate.undefined(), "test").startswith("No image was judged")


def test_numbers_have_their_nouns() -> None:
    assert counted(1, "class", "classes") == "1 class"
    assert counted(1200, "class", "classes") == "1,200 classes"
    assert images(1, "validation") == "1 validation image"
    assert images(2, "anything") == "2 images"

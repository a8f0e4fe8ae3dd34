from __future__ import annotations

import numpy as np

from sightline.evaluation.slices import slices
from sightline.reporting.slices import slice_lines


def test_the_weakest_slices_are_listed_and_the_small_ones_counted() -> None:
    right = np.arange(84) % 40 >= 18
    right[40:] = True
    cameras = ["old"] * 40 + ["new"] * 40 + ["x", "y", "z", "z"]
    assert slice_lines(slices(right, {"camera": cameras})) == (
        "slice        images  right  against the rest           p*",
        "camera: old      40  0.550  -0.450 (-0.602 to -0.286)  <0.001",
        "2 slices looked at, 1 weaker than the rest beyond chance (* corrected)",
        "camera: 3 values with fewer than 10 images not judged (4 images)",
    )


def test_nothing_to_look_at_is_said() -> None:
    lines = slice_lines(slices(np.ones(20, bool), {"format": ["JPEG"] * 20}))
    assert lines == ("0 slices looked at, none weaker than the rest beyond chance (* corrected)",)


def test_all_that_are_weak_are_listed_in_80_columns() -> None:
    right = np.repeat([True, False], [300, 300])
    weak = {f"a long name of an attribute {i} 日本語": ["a"] * 300 + ["b"] * 300 for i in range(9)}
    lines = slice_lines(slices(right, weak))
    assert len([line for line in lines if "<0.001" in line]) == 9
    assert max(map(len, lines)) <= 80

from __future__ import annotations

import numpy as np

from sightline.reporting.plain import plain


def test_arrays_become_lists() -> None:
    value = {"a": np.arange(3), "b": np.float32(0.5), "c": (True, None)}
    assert plain(value) == {"a": [0, 1, 2], "b": 0.5, "c": [True, None]}

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from sightline.explanation import METHODS, Attribution, Method, sanity_check
from sightline.explanation.sanity import LIKE, rank_correlation
from sightline.models import Architecture
from sightline.testing.explanations import noise, subject_of

MODEL = Architecture(backbone="small_resnet", classes=3, height=32, width=32)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=40))
def test_rank_correlation_is_scipys(pairs):
    one, other = np.array(pairs, float).T
    if len(set(one)) > 1 and len(set(other)) > 1:
        assert rank_correlation(one, other) == pytest.approx(spearmanr(one, other)[0], abs=1e-9)
    else:
        assert rank_correlation(one, other) == 0


@pytest.fixture(scope="module")
def subject():
    return subject_of(MODEL, seed=50)  # none of the seeds of the random models


@pytest.fixture(scope="module")
def picture():
    """Return a picture with shapes: on noise alone no method finds structure."""
    pixels = np.full((32, 32, 3), 230, np.uint8)
    pixels[8:24, 10:20] = (180, 40, 60)
    pixels[12:16, 12:30] = (20, 90, 160)
    return pixels


@pytest.mark.parametrize("name", METHODS)
def test_every_method_depends_on_the_weights(subject, picture, name):
    options = {"steps": 8} if name == "integrated_gradients" else {}
    check = sanity_check(subject, picture, target=0, method=METHODS[name], options=options)
    assert check.method == name
    assert [stage.share for stage in check.stages] == [0.0, 0.5, 1.0]
    assert check.correlation == check.stages[-1].correlation
    assert check.passed, check


def edges(subject, pixels, target, options):
    """Return what an edge detector sees: a picture that knows nothing of the model."""
    grey = pixels.mean(axis=-1)
    return Attribution(values=np.abs(np.gradient(grey)[0]).astype(np.float32))


def test_an_edge_detector_is_found_out(subject, picture, monkeypatch):
    monkeypatch.setitem(sys.modules, "an_edge_detector", sys.modules[__name__])
    method = Method(
        name="edges",
        title="Edges",
        summary="Where the image changes.",
        function="an_edge_detector:edges",
        needs_gradients=False,
        signed=False,
        source="none",
    )
    check = sanity_check(subject, picture, target=0, method=method)
    assert not check.passed
    assert check.correlation == pytest.approx(1)
    assert check.to_json() == {
        "passed": False,
        "limit": LIKE,
        "models": 2,
        "stages": [{"share": share, "correlation": pytest.approx(1)} for share in (0.0, 0.5, 1.0)],
    }


def test_the_same_image_has_the_same_figures(subject):
    pixels = noise(MODEL, images=1)[0]
    first, second = (
        sanity_check(subject, pixels, target=1, method=METHODS["grad_cam"]) for _ in range(2)
    )
    assert first == second

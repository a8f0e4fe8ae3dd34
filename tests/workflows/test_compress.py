"""Compression as a run: stopped, taken up again, and the same in the end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline.errors import ConfigError, Interrupted
from sightline.models.bundle import read_bundle, write_bundle
from sightline.training.signals import StopRequest
from sightline.workflows.compress import compress
from sightline.workflows.compressing import CompressResult, Request, plan_compression

from .training import Notebook

pytestmark = pytest.mark.train


def run(
    trained: Any, data: Path, save: Path, *, stop_at: str | None = None, **words: Any
) -> CompressResult:
    stop = StopRequest()

    def at(title: str) -> None:
        if title == stop_at:
            stop.signal_number = 2

    request = Request(
        model=trained.path,
        data=data,
        method="channels",
        options={"epochs": 2, "images": 32, "batch_size": 32},
        save=save,
        **words,
    )
    return compress(plan_compression(request), watcher=Notebook(at), stop=stop)


def test_a_stopped_run_ends_as_one_that_was_not(trained: Any, digits: Path, tmp_path: Path) -> None:
    whole = run(trained, digits, tmp_path / "whole.sightline")
    stopped = tmp_path / "stopped.sightline"
    with pytest.raises(Interrupted):
        run(trained, digits, stopped, stop_at="step 5")
    assert not stopped.exists()
    with pytest.raises(ConfigError, match="unfinished run"):
        run(trained, digits, stopped)
    resumed = run(trained, digits, stopped, resume=True)
    one, other = (read_bundle(result.path) for result in (whole, resumed))
    assert one.architecture == other.architecture and one.architecture.widths
    expected, given = one.weights(), other.weights()
    assert all(np.array_equal(expected[name], given[name]) for name in expected)
    assert not (tmp_path / "stopped.training" / "checkpoints").exists()
    assert whole.comparison.n == whole.counts["test"] and whole.speed > 0
    assert set(other.metrics) >= {"test", "validation", "history", "verification"}


@pytest.mark.parametrize(
    ("method", "options", "quantized", "code"),
    [
        ("distill", {}, False, "nothing_smaller"),
        ("distill", {"image_size": (1, 1)}, False, "bad_option"),
        ("distill", {"image_size": (24, 24), "weights": "own"}, True, "other_architecture"),
        ("int8", {}, True, "already_quantized"),
        ("magnitude", {}, True, "already_quantized"),
        ("channels", {}, True, "already_quantized"),
    ],
)
def test_what_cannot_be_made_is_refused_before_an_image_is_looked_for(
    trained: Any, tmp_path: Path, method: str, options: Any, quantized: bool, code: str
) -> None:
    model = trained.path
    if quantized:
        bundle = read_bundle(model)
        architecture = replace(bundle.architecture, quantized=True)
        model = tmp_path / "trained.sightline"
        write_bundle(model, replace(bundle, architecture=architecture))
    request = Request(
        model=model,
        data=tmp_path / "nowhere",
        method=method,
        options=options,
        save=tmp_path / "smaller.sightline",
    )
    with pytest.raises(ConfigError) as caught:
        plan_compression(request)
    assert caught.value.code == code

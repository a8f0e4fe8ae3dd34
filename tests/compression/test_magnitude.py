"""Zeros that are as many as were asked for, and stay."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from sightline.compression.magnitude import (
    Pruning,
    Zeros,
    kernels,
    prune_magnitude,
    pruned,
    sparsity_at,
)
from sightline.compression.options import MagnitudeOptions
from sightline.errors import ConfigError, Interrupted
from sightline.models.bundle import Bundle
from sightline.models.weights import named_weights
from sightline.training.learnable import Learnable
from sightline.training.loop import Run, run_loop
from sightline.training.signals import StopRequest

from ..training.conftest import Notebook, batches, examples, small_model, small_optimisation
from .digits import images, session, trained


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("magnitude")


@pytest.fixture(scope="module")
def bundle(folder: Path) -> Bundle:
    return trained(folder)


@pytest.fixture(scope="module")
def data(folder: Path, bundle: Bundle) -> Learnable:
    return images(folder, bundle)


def test_the_schedule_is_that_of_the_paper() -> None:
    # 0.8 - 0.8 (1 - t / 100)^3, by hand.
    asked = {0: 0.0, 50: 0.7, 75: 0.7875, 100: 0.8, 900: 0.8}
    for step, share in asked.items():
        assert sparsity_at(step, sparsity=0.8, settled=100) == pytest.approx(share)
    assert sparsity_at(0, sparsity=0.8, settled=0) == 0.8


def test_the_smallest_weights_go() -> None:
    kernel = np.float32([[0.3, -0.1], [0.2, -0.5]])
    np.testing.assert_array_equal(pruned(kernel, 0.5), np.float32([[0.3, 0], [0, -0.5]]))
    np.testing.assert_array_equal(pruned(pruned(kernel, 0.5), 0.25), pruned(kernel, 0.5))
    equal = pruned(np.ones((10, 10), np.float32), 0.37)
    assert np.count_nonzero(equal) == 63  # also where all are alike


def test_zeros_are_put_back_and_nothing_else_is() -> None:
    model = small_model()
    kernel = model.get_layer("conv_2").kernel
    before = pruned(kernel.numpy(), 0.5)
    kernel.assign(before)
    held = Zeros([kernel])
    held.before(0)
    kernel.assign(before + 1)
    held.after()
    np.testing.assert_array_equal(kernel.numpy(), np.where(before == 0, 0, before + 1))


def test_pruning_happens_when_it_is_due_and_last_when_it_settles() -> None:
    model = small_model()
    pruning = Pruning(kernels(model), sparsity=0.6, settled=7, every=3)
    shares = []
    for step in range(10):
        pruning.before(step)
        kernel = model.get_layer("conv_2").kernel.numpy()
        shares.append(1 - np.count_nonzero(kernel) / kernel.size)
        pruning.after()
    expected = [
        sparsity_at(step, sparsity=0.6, settled=7) for step in (0, 0, 0, 3, 3, 3, 6, 7, 7, 7)
    ]
    np.testing.assert_allclose(shares, expected, atol=0.5 / kernel.size + 1e-9)


def pruning_run(directory: Path | None = None) -> Run:
    optimisation = small_optimisation()
    model = small_model()
    return Run(
        model=model,
        trained=model,
        task="multi_class",
        optimisation=optimisation,
        training=batches(optimisation),
        validation=examples(24, seed=1),
        names=[f"picture {number}" for number in range(72)],
        identity={"recipe": "r"},
        directory=directory,
        constraint=Pruning(kernels(model), sparsity=0.7, settled=7, every=2),
    )


def test_a_run_that_was_stopped_prunes_as_one_that_was_not(tmp_path: Path) -> None:
    whole = pruning_run()
    run_loop(whole, watcher=Notebook(), stop=StopRequest())
    stop = StopRequest()

    def at_step(done: int) -> None:
        stop.signal_number = 15 if done == 6 else None

    with pytest.raises(Interrupted):
        run_loop(pruning_run(tmp_path), watcher=Notebook(at_step), stop=stop)
    resumed = pruning_run(tmp_path)
    run_loop(resumed, watcher=Notebook(), stop=StopRequest())
    for name, value in named_weights(whole.model).items():
        np.testing.assert_array_equal(named_weights(resumed.model)[name], value, err_msg=name)


def zeros(values: np.ndarray) -> float:
    return 1 - np.count_nonzero(values) / values.size


def test_the_share_of_zeros_is_what_was_asked_for(
    bundle: Bundle, data: Learnable, folder: Path
) -> None:
    options = MagnitudeOptions(sparsity=0.75, epochs=2, learning_rate=1e-3)
    made = prune_magnitude(bundle, data, session(folder), options)
    weights = made.bundle.weights()
    pruned_kernels = {n: v for n, v in weights.items() if n.endswith("/kernel")}
    assert {"stem/kernel", "logits/kernel"} <= pruned_kernels.keys()
    for name, kernel in pruned_kernels.items():
        assert zeros(kernel) == pytest.approx(0.75, abs=0.5 / kernel.size + 1e-9), name
    # The twin's kernels are constants, read by LiteRT itself.
    twin = Interpreter(model_content=made.bundle.twin())
    places = [
        tensor["index"]
        for tensor in twin.get_tensor_details()
        if tensor["name"].endswith(("convolution", "MatMul"))
    ]
    assert len(places) == len(pruned_kernels)
    for place in places:
        kernel = twin.get_tensor(place)
        assert zeros(kernel) == pytest.approx(0.75, abs=0.5 / kernel.size + 1e-9)
    before, after = (len(zlib.compress(one.twin())) for one in (bundle, made.bundle))
    assert made.verification.passed and after < 0.6 * before


def test_what_was_trained_for_8_bits_is_not_pruned(bundle: Bundle, data: Learnable) -> None:
    architecture = replace(bundle.architecture, quantized=True)
    with pytest.raises(ConfigError, match="prune first"):
        prune_magnitude(
            replace(bundle, architecture=architecture), data, session(Path()), MagnitudeOptions()
        )

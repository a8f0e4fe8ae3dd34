from __future__ import annotations

import keras
import numpy as np
import pytest

from sightline.training.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(3, 3, 16, 24), (1, 1, 8, 32), (3, 3, 3, 64)])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_step_turns_every_direction_alike(shape: tuple[int, ...], precision: str) -> None:
    kernel = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    given = np.asarray(orthogonal(kernel, precision)).reshape(-1, shape[-1])
    values = np.linalg.svd(given, compute_uv=False)
    # The polynomial is tuned to bring them near one quickly, not to one.
    assert values.min() > 0.3
    assert values.max() < 1.3
    left, _, right = np.linalg.svd(kernel.reshape(-1, shape[-1]), full_matrices=False)
    nearest = left @ right
    cosine = (given * nearest).sum() / np.linalg.norm(given) / np.linalg.norm(nearest)
    assert cosine > 0.95


def test_a_kernel_keeps_its_norm_but_for_the_step() -> None:
    rng = np.random.default_rng(0)
    kernel = keras.Variable(rng.normal(size=(3, 3, 4, 8)))
    optimizer = Muon(1e-3)
    optimizer.build([kernel])
    for _ in range(5):
        optimizer.apply([rng.normal(size=kernel.shape).astype(np.float32)], [kernel])
    assert np.linalg.norm(kernel.numpy()) == pytest.approx(8**0.5, rel=0.01)


@pytest.mark.parametrize(("shape", "share"), [((6, 3), 0.4), ((6,), 4.0), ((), 4.0)])
def test_other_weights_move_as_sgd_with_nesterov_moves_them(shape, share: float) -> None:
    rng = np.random.default_rng(0)
    start = rng.normal(size=shape).astype(np.float32)
    ours, theirs = keras.Variable(start), keras.Variable(start)
    muon = Muon(0.25)
    witness = keras.optimizers.SGD(0.25 * share, momentum=0.9, nesterov=True)
    for optimizer, variable in ((muon, ours), (witness, theirs)):
        optimizer.build([variable])
    for _ in range(4):
        gradient = rng.normal(size=start.shape).astype(np.float32)
        muon.apply([gradient], [ours])
        witness.apply([gradient], [theirs])
    assert np.allclose(ours.numpy(), theirs.numpy(), atol=1e-5)


def test_a_gradient_of_nothing_moves_nothing_to_nan() -> None:
    kernel = keras.Variable(np.zeros((3, 3, 4, 8), np.float32))
    optimizer = Muon(0.1)
    optimizer.build([kernel])
    optimizer.apply([np.zeros(kernel.shape, np.float32)], [kernel])
    assert np.isfinite(kernel.numpy()).all()

from __future__ import annotations

import pytest

from sightline import machine
from sightline.errors import ConfigError
from sightline.machine import Memory
from sightline.models import Architecture
from sightline.models.build import build
from sightline.training.memory import check_memory, step_bytes
from sightline.training.recipe import OPTIMIZERS

from .conftest import small_optimisation


@pytest.fixture
def model():
    return build(Architecture(backbone="small_resnet", classes=2, height=32, width=32))


def available(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    memory = Memory(total=count, available=count)
    monkeypatch.setattr(machine, "memory", lambda: memory)


def test_a_step_that_cannot_fit_is_refused_with_a_size_that_can(model, monkeypatch) -> None:
    optimisation = small_optimisation(batch_size=512)
    available(monkeypatch, step_bytes(model, optimisation) // 4)
    with pytest.raises(ConfigError, match=r"512 images, \d+x\d+ in .* needs at least") as caught:
        check_memory(model, optimisation)
    assert caught.value.code == "too_large_for_memory"
    size = int(caught.value.fix.split()[1].rstrip(","))
    assert 1 < size < 256
    check_memory(model, small_optimisation(batch_size=size))


def test_a_network_that_never_fits_is_told_so(model, monkeypatch) -> None:
    available(monkeypatch, 1000)
    with pytest.raises(ConfigError, match="needs at least") as caught:
        check_memory(model, small_optimisation(batch_size=1))
    assert "--batch-size" not in caught.value.fix


def test_a_system_that_says_nothing_is_trusted(model, monkeypatch) -> None:
    monkeypatch.setattr(machine, "memory", lambda: None)
    check_memory(model, small_optimisation(batch_size=65_536))


def test_the_estimate_grows_with_the_batch(model) -> None:
    small, large = (step_bytes(model, small_optimisation(batch_size=n)) for n in (8, 16))
    weights = step_bytes(model, small_optimisation(batch_size=1)) - (large - small) // 8
    assert 4 * model.count_params() < weights < 20 * model.count_params()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimiser_is_known(model, optimizer: str) -> None:
    assert step_bytes(model, small_optimisation(optimizer=optimizer)) > 4 * model.count_params()

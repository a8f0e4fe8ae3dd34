from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from sightline.errors import Interrupted, NonFiniteError, ResumeMismatchError
from sightline.models.weights import named_weights
from sightline.training.loop import Run, run_loop
from sightline.training.signals import StopRequest
from sightline.training.step import Stepper, make_optimizer

from .conftest import Notebook, batches, examples, small_model, small_optimisation


def a_run(directory: Path | None = None, **changes: object) -> Run:
    optimisation = small_optimisation(**changes)
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
    )


def train(run: Run, *, stop_at: int | None = None) -> Notebook:
    stop = StopRequest()

    def at_step(done: int) -> None:
        if done == stop_at:
            stop.signal_number = 15

    notebook = Notebook(at_step)
    run_loop(run, watcher=notebook, stop=stop)
    return notebook


def assert_same_weights(one: keras.Model, other: keras.Model) -> None:
    left, right = named_weights(one), named_weights(other)
    assert left.keys() == right.keys()
    for name, value in left.items():
        assert np.array_equal(value, right[name]), f"{name} differs"


@pytest.fixture(scope="module")
def undisturbed() -> Run:
    run = a_run()
    train(run)
    return run


def test_it_learns_and_tells_how() -> None:
    run = a_run(epochs=6)
    notebook = train(run)
    assert notebook.steps == list(range(1, 31))
    assert [row["epoch"] for row in notebook.rows] == [1, 2, 3, 4, 5, 6]
    best = min(notebook.rows, key=lambda row: row["validation_loss"])
    assert best["validation_accuracy"] > 0.9
    assert {"accuracy", "precision", "recall", "loss", "seconds"} <= best.keys()


def test_the_same_run_gives_the_same_bits(undisturbed: Run) -> None:
    again = a_run()
    train(again)
    assert_same_weights(again.model, undisturbed.model)


@pytest.mark.parametrize("stop_at", [1, 5, 7, 14])
def test_a_stopped_and_resumed_run_ends_with_the_same_bits(
    tmp_path: Path, undisturbed: Run, stop_at: int
) -> None:
    with pytest.raises(Interrupted) as caught:
        train(a_run(tmp_path), stop_at=stop_at)
    assert caught.value.signal_number == 15
    resumed = a_run(tmp_path)
    notebook = train(resumed)
    assert notebook.steps[0] == stop_at + 1
    assert_same_weights(resumed.model, undisturbed.model)


def test_a_damaged_newest_checkpoint_costs_time_but_no_bits(
    tmp_path: Path, undisturbed: Run
) -> None:
    with pytest.raises(Interrupted):
        train(a_run(tmp_path), stop_at=8)
    max(tmp_path.iterdir()).write_bytes(b"damaged")
    resumed = a_run(tmp_path)
    notebook = train(resumed)
    assert any("damaged" in note for note in notebook.notes)
    assert notebook.steps[0] == 6, "the epoch's own checkpoint is the one before"
    assert_same_weights(resumed.model, undisturbed.model)


def test_another_recipes_run_is_not_taken_up(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(a_run(tmp_path), stop_at=3)
    run = a_run(tmp_path)
    other = Run(**{**run.__dict__, "identity": {"recipe": "another"}})
    with pytest.raises(ResumeMismatchError):
        train(other)


def test_patience_ends_a_run_that_no_longer_improves() -> None:
    run = a_run(epochs=30, patience=2, learning_rate=0.3)
    rows = train(run).rows
    best = min(range(len(rows)), key=lambda index: rows[index]["validation_loss"])
    assert len(rows) < 30
    assert len(rows) - 1 - best == 2


def test_the_best_epochs_weights_are_the_ones_that_stay() -> None:
    run = a_run(epochs=8, learning_rate=0.3)
    rows = train(run).rows
    best = min(rows, key=lambda row: row["validation_loss"])
    optimizer = make_optimizer(run.optimisation, run.model.trainable_variables)
    stepper = Stepper(run.model, optimizer, task="multi_class", label_smoothing=0.0)
    measured = stepper.evaluate(run.validation.pixels[:], run.validation.targets)
    assert measured.measures()["loss"] == pytest.approx(best["validation_loss"], rel=1e-5)


def test_a_diverging_run_goes_back_once_and_then_names_the_batch(tmp_path: Path) -> None:
    run = a_run(tmp_path, learning_rate=50.0, warmup=0.0, optimizer="sgd", epochs=20)
    kernel = run.model.get_layer("logits").kernel
    notebook = Notebook(lambda done: kernel.assign(kernel * np.float32(1e30)))
    with pytest.raises(NonFiniteError) as caught:
        run_loop(run, watcher=notebook, stop=StopRequest())
    assert len(notebook.notes) == 1
    assert "0.1 times" in notebook.notes[0]
    assert caught.value.exit_code == 3
    images = caught.value.details["images"]
    assert images
    assert all(name.startswith("picture ") for name in images)
    assert not any(np.isnan(v).any() for v in _saved(tmp_path)), "a NaN state was saved"


def _saved(directory: Path) -> list[np.ndarray]:
    from sightline.training.checkpoint import load_checkpoint

    checkpoint, _ = load_checkpoint(directory, {"recipe": "r"})
    if checkpoint is None:
        raise ValueError("nothing was saved")
    return list(checkpoint.tensors.values())


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_every_optimiser_lowers_the_loss(optimizer: str) -> None:
    rate = 0.05 if optimizer == "sgd" else 0.005
    rows = train(a_run(optimizer=optimizer, learning_rate=rate, epochs=4)).rows
    assert rows[-1]["loss"] < rows[0]["loss"]


class Steady:
    """A constraint that writes down what it hears, and keeps one bias at 1."""

    def __init__(self, model: keras.Model, settled: int) -> None:
        self.settled = settled
        self.heard: list[int] = []
        self.bias = model.get_layer("logits").bias

    def before(self, step: int) -> None:
        self.heard.append(step)

    def after(self) -> None:
        self.bias.assign(np.ones(2, np.float32))


def test_a_constraint_hears_of_each_step_and_holds_after_it() -> None:
    run = a_run()
    constraint = Steady(run.model, settled=0)
    train(replace(run, constraint=constraint))
    assert constraint.heard == list(range(15))
    np.testing.assert_array_equal(constraint.bias.numpy(), [1, 1])


def test_weights_from_before_a_constraint_is_satisfied_are_not_chosen() -> None:
    chosen = []
    for settled in (0, 14):
        # At this rate the last epochs are worse than the first.
        run = a_run(learning_rate=0.5, decay="constant", warmup=0.0)
        run = replace(run, constraint=Steady(run.model, settled=settled))
        rows = train(run).rows
        losses = [row["validation_loss"] for row in rows]
        found = Stepper(
            run.model,
            make_optimizer(run.optimisation, run.model.trainable_variables),
            task="multi_class",
            label_smoothing=0,
        ).evaluate(run.validation.pixels[np.arange(24)], run.validation.targets)
        chosen.append(int(np.argmin(np.abs(np.array(losses) - found.loss / 24))))
        assert settled or chosen[-1] == int(np.argmin(losses))
    assert chosen[1] == 2

"""The training loop: epochs of steps that can be left at any step and taken up again.

Everything a step does is a function of (recipe, data, seed, epoch, step) and of the state a
checkpoint holds: the order of the images, their augmentation, dropout's seeds, the rate. So
a run that was killed and resumed ends with the same weights, bit for bit, as one that was
not (same machine type, versions and threads, op determinism on).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import keras
import numpy as np

from sightline.batches import Batch, Examples
from sightline.batches.stream import TrainingBatches, plain_batches
from sightline.errors import Interrupted, NonFiniteError
from sightline.models.weights import assign_weights, named_weights
from sightline.predictions import Task
from sightline.training.checkpoint import Checkpoint, Progress, load_checkpoint, save_checkpoint
from sightline.training.history import Tally, epoch_row
from sightline.training.recipe import Distillation, Optimisation
from sightline.training.schedule import learning_rate
from sightline.training.signals import StopRequest
from sightline.training.step import Stepper, StepResult, make_optimizer

_SECONDS_BETWEEN_CHECKPOINTS = 300.0
_RATE_AFTER_ROLLBACK = 0.1


class Watcher(Protocol):
    """Who is told how the run goes."""

    def stage(self, title: str) -> AbstractContextManager[Callable[[int, int], None]]:
        """Hear that something long begins; what is given is called with (done, total)."""
        ...

    def step(self, done: int, total: int, tally: Tally) -> None:
        """Hear that `done` of all `total` steps are done, and the epoch's figures so far."""
        ...

    def epoch(self, row: Mapping[str, float]) -> None:
        """Hear the figures of a finished epoch (`training.history.epoch_row`)."""
        ...

    def note(self, message: str) -> None:
        """Hear of a rollback, a damaged checkpoint or an early stop."""
        ...


class Constraint(Protocol):
    """What weights must satisfy while they learn, beyond lowering the loss.

    It may know nothing but what it can tell from the weights and the step, or a run that was
    resumed would end otherwise than one that was not.

    Attributes:
        settled: The step with which it is satisfied in full: weights of an epoch that ended
            before it are not chosen.
    """

    settled: int

    def before(self, step: int) -> None:
        """Hear that `step` (counted over all epochs) is about to be taken."""
        ...

    def after(self) -> None:
        """Bring the weights back to where they may be."""
        ...


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of the loop, but for its state.

    Attributes:
        model: The network, with the weights to start from.
        trained: The part of it that learns and that the batches are made for: all of it, or
            what lies above a frozen part.
        task: Softmax or sigmoid cross-entropy.
        optimisation: What to do.
        small: `trained` for smaller images, where the first half of the steps sees them.
        distillation: How it learns from a teacher, whose answers `training` then gives.
        training: Its images; the seed in it is where all randomness comes from.
        validation: The images that choose the best epoch.
        names: What the training images are called, for errors.
        identity: What the run is; a checkpoint of another is refused.
        directory: Where checkpoints go; `None` keeps none.
        constraint: What the weights must satisfy.
    """

    model: keras.Model
    trained: keras.Model
    task: Task
    optimisation: Optimisation
    training: TrainingBatches
    validation: Examples
    names: Sequence[str]
    identity: Mapping[str, str]
    directory: Path | None = None
    small: keras.Model | None = None
    distillation: Distillation | None = None
    constraint: Constraint | None = None


def run_loop(run: Run, *, watcher: Watcher, stop: StopRequest) -> tuple[Mapping[str, float], ...]:
    """Train `run.model` in place, leave it with its best weights, and return the history.

    Starts from the newest checkpoint in `run.directory` if there is one.

    Raises:
        Interrupted: A signal asked to stop; the state is saved.
        NonFiniteError: The loss became NaN or infinite twice; the last good state is saved.
        ResumeMismatchError: The checkpoints are another run's.
        MachineError: A checkpoint could not be written; the one before it is whole.
    """
    return _Loop(run, watcher, stop).run()


class _Loop:
    def __init__(self, run: Run, watcher: Watcher, stop: StopRequest) -> None:
        self._run = run
        self._steps = run.training.steps
        self._watcher = watcher
        self._stop = stop
        self._optimizer = make_optimizer(run.optimisation, run.trained.trainable_variables)
        self._stepper = self._make_stepper(run.trained)
        self._small = self._stepper if run.small is None else self._make_stepper(run.small)
        self._progress = Progress()
        self._best: dict[str, np.ndarray] = {}
        self._good: Checkpoint | None = None
        self._saved_at = time.monotonic()

    def run(self) -> tuple[Mapping[str, float], ...]:
        self._resume()
        while not self._finished():
            try:
                self._epoch()
            except _NonFiniteLossError as error:
                self._roll_back(error)
        assign_weights(self._run.model, self._best)
        return self._progress.history

    def _make_stepper(self, model: keras.Model) -> Stepper:
        return Stepper(
            model,
            self._optimizer,
            task=self._run.task,
            label_smoothing=self._run.optimisation.label_smoothing,
            distillation=self._run.distillation,
        )

    def _finished(self) -> bool:
        progress, patience = self._progress, self._run.optimisation.patience
        if progress.epoch >= self._run.optimisation.epochs:
            return True
        if patience is None or progress.best_epoch < 0:
            return False
        return progress.step == 0 and progress.epoch - 1 - progress.best_epoch >= patience

    def _epoch(self) -> None:
        epoch, first = self._progress.epoch, self._progress.step
        began = time.monotonic()
        tally = self._tally()
        seconds = float(self._progress.sums.get("seconds", 0.0))
        rate = 0.0
        with closing(self._run.training.epoch(epoch, first_step=first)) as stream:
            for step, batch in enumerate(stream, start=first):
                rate = self._rate(epoch, step)
                result = self._step(batch, rate, epoch, step)
                tally = tally + result.tally
                self._watcher.step(epoch * self._steps + step + 1, self._total(), tally)
                sums = {"tally": tally.to_json(), "seconds": seconds + time.monotonic() - began}
                self._progress = replace(self._progress, step=step + 1, sums=sums)
                self._heed()
        self._close_epoch(tally, rate, seconds + time.monotonic() - began)

    def _step(self, batch: Batch, rate: float, epoch: int, step: int) -> StepResult:
        stepper = self._small if self._run.training.is_small(epoch, step) else self._stepper
        constraint = self._run.constraint
        if constraint is not None:
            constraint.before(epoch * self._steps + step)
        result = stepper.train(batch, rate=rate, seed=(self._run.training.seed, epoch, step))
        if constraint is not None:
            constraint.after()
        if not np.isfinite(result.loss):
            raise _NonFiniteLossError(epoch, step)
        return result

    def _close_epoch(self, tally: Tally, rate: float, seconds: float) -> None:
        validation = self._validate()
        epoch = self._progress.epoch
        row = epoch_row(
            epoch + 1, rate=rate, training=tally, validation=validation, seconds=seconds
        )
        loss = row["validation_loss"]
        if not np.isfinite(loss):
            raise _NonFiniteLossError(epoch, self._steps - 1)
        best = self._progress.best_value
        if self._may_choose(epoch) and (best is None or loss <= best):
            self._best = named_weights(self._run.model)
            self._progress = replace(self._progress, best_epoch=epoch, best_value=loss)
        self._progress = replace(
            self._progress,
            epoch=epoch + 1,
            step=0,
            sums={},
            history=(*self._progress.history, row),
        )
        self._save()
        self._watcher.epoch(row)

    def _may_choose(self, epoch: int) -> bool:
        constraint = self._run.constraint
        return constraint is None or (epoch + 1) * self._steps > constraint.settled

    def _validate(self) -> Tally:
        tally = Tally.empty(self._run.model.output["logits"].shape[-1])
        size = self._run.optimisation.batch_size
        with closing(plain_batches(self._run.validation, batch_size=size)) as stream:
            for batch in stream:
                tally = tally + self._stepper.evaluate(batch.pixels, batch.targets)
        return tally

    def _tally(self) -> Tally:
        saved = self._progress.sums.get("tally")
        if saved is not None:
            return Tally.from_json(saved)
        return Tally.empty(self._run.model.output["logits"].shape[-1])

    def _total(self) -> int:
        return self._run.optimisation.epochs * self._steps

    def _rate(self, epoch: int, step: int) -> float:
        chosen = self._run.optimisation
        return self._progress.rate_scale * learning_rate(
            epoch * self._steps + step,
            steps=self._total(),
            peak=chosen.learning_rate,
            warmup=chosen.warmup,
            decay=chosen.decay,
        )

    def _heed(self) -> None:
        """Save when a signal came or the last checkpoint is old."""
        asked = self._stop.signal_number
        due = time.monotonic() - self._saved_at > _SECONDS_BETWEEN_CHECKPOINTS
        if asked is None and not due:
            return
        self._save()
        if asked is not None:
            at = self._progress
            raise Interrupted(
                f"Stopped in epoch {at.epoch + 1} after step {at.step}; the state is saved.",
                signal_number=asked,
                fix="run the same command with --resume to go on",
            )

    def _save(self) -> None:
        weights = named_weights(self._run.model)
        optimizer = {f"{i:05d}": v.numpy() for i, v in enumerate(self._optimizer.variables)}
        parts: Mapping[str, Mapping[str, np.ndarray]] = {
            "model": weights,
            "optimizer": optimizer,
            "best": self._best,
        }
        self._good = Checkpoint(
            identity=self._run.identity,
            progress=self._progress,
            tensors={
                f"{part}/{name}": v for part, held in parts.items() for name, v in held.items()
            },
        )
        if self._run.directory is not None:
            save_checkpoint(self._run.directory, self._good)
        self._saved_at = time.monotonic()

    def _resume(self) -> None:
        if self._run.directory is not None:
            checkpoint, told = load_checkpoint(self._run.directory, self._run.identity)
            for message in told:
                self._watcher.note(message)
            if checkpoint is not None:
                self._restore(checkpoint)
                return
        self._save()

    def _restore(self, checkpoint: Checkpoint) -> None:
        def part(prefix: str) -> dict[str, np.ndarray]:
            return {
                name.removeprefix(prefix): value
                for name, value in checkpoint.tensors.items()
                if name.startswith(prefix)
            }

        assign_weights(self._run.model, part("model/"))
        saved = part("optimizer/")
        for index, variable in enumerate(self._optimizer.variables):
            variable.assign(saved[f"{index:05d}"])
        self._best = part("best/")
        self._progress = checkpoint.progress
        self._good = checkpoint

    def _roll_back(self, error: _NonFiniteLossError) -> None:
        """Go back to the last good state with a lower rate, once."""
        indices = self._run.training.indices(error.epoch, error.step)
        names = [self._run.names[index] for index in indices]
        where = f"in epoch {error.epoch + 1}, step {error.step + 1}"
        if self._good is None or self._progress.rate_scale < 1:
            raise NonFiniteError(
                f"The loss became NaN or infinite {where}, after a lower rate was tried.",
                expected="a finite loss",
                fix="try a lower --learning-rate; look at the batch's images (--json lists them)",
                details={"epoch": error.epoch + 1, "step": error.step + 1, "images": names},
            ) from error
        self._restore(self._good)
        self._progress = replace(self._progress, rate_scale=_RATE_AFTER_ROLLBACK)
        self._save()
        self._watcher.note(
            f"The loss became NaN or infinite {where}; going back to the last good state "
            f"with {_RATE_AFTER_ROLLBACK:g} times the learning rate."
        )


class _NonFiniteLossError(Exception):
    def __init__(self, epoch: int, step: int) -> None:
        super().__init__(epoch, step)
        self.epoch = epoch
        self.step = step

"""Training runs that take a second: a very small network on very small pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sightline.training.history import Tally
from sightline.training.recipe import Options
from sightline.training.signals import StopRequest
from sightline.workflows.train import train
from sightline.workflows.training import Request, TrainResult

TINY = Options(
    weights="none",
    backbone="tutorial_cnn",
    backbone_options={"filters": [4, 8], "dense_units": 16},
    effort="quick",
    channels=1,
    image_size=(16, 16),
    epochs=2,
    batch_size=32,
)
CONTINUED = Options(effort="quick")


class Notebook:
    """A watcher that writes everything down; `at` is called with each stage's title."""

    def __init__(self, at: Callable[[str], None] = lambda title: None) -> None:
        self.stages: list[str] = []
        self.notes: list[str] = []
        self.epochs: list[Mapping[str, float]] = []
        self._at = at

    @contextmanager
    def stage(self, title: str) -> Iterator[Callable[[int, int], None]]:
        self.stages.append(title)
        self._at(title)
        yield lambda done, total: None

    def step(self, done: int, total: int, tally: Tally) -> None:
        self._at(f"step {done}")

    def epoch(self, row: Mapping[str, float]) -> None:
        self.epochs.append(row)

    def note(self, message: str) -> None:
        self.notes.append(message)


def run(
    data: Path,
    save: Path | None,
    *,
    options: Options = TINY,
    watcher: Notebook | None = None,
    stop: StopRequest | None = None,
    **words: Any,
) -> TrainResult:
    request = Request(data=data, save=save, options=options, **words)
    return train(request, watcher=watcher or Notebook(), stop=stop or StopRequest())


def tiny(**changes: Any) -> Options:
    return replace(TINY, **changes)

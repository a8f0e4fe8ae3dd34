from __future__ import annotations

import logging

import numpy as np
import pytest

from sightline.training.history import Tally
from sightline.training.logged import LoggingWatcher

ROW = {
    "epoch": 2,
    "loss": 0.5,
    "accuracy": 0.75,
    "validation_loss": 0.625,
    "validation_accuracy": 0.5,
}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_stages_and_epochs_are_logged(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sightline.training")
    watcher = LoggingWatcher(clock=clock)
    with watcher.stage("reading images") as advance:
        advance(1, 100)
        clock.now = 11
        advance(50, 100)
        clock.now = 12
        advance(60, 100)
    watcher.epoch(ROW)
    assert caplog.messages == [
        "reading images",
        "reading images: 50 of 100",
        "epoch 2: loss 0.500, accuracy 0.750; validation loss 0.625, accuracy 0.500",
    ]


def test_steps_are_logged_now_and_then(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sightline.training")
    watcher = LoggingWatcher(clock=clock)
    tally = Tally.of(
        1.0, np.array([[0.9, 0.1], [0.2, 0.8]]), np.eye(2, dtype=np.float32), "multi_class"
    )
    for step in range(1, 31):
        clock.now += 1
        watcher.step(step, 30, tally)
    assert [message.partition(":")[0] for message in caplog.messages] == [
        "step 10 of 30",
        "step 20 of 30",
        "step 30 of 30",
    ]
    assert "accuracy 1.000" in caplog.messages[0]


def test_remarks_are_warnings(caplog: pytest.LogCaptureFixture) -> None:
    LoggingWatcher().note("going back")
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [("WARNING", "going back")]

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

from sightline.training.signals import stop_on_signals

ASKED_TWICE = """
import os, signal
from sightline.training.signals import stop_on_signals
with stop_on_signals(before_exit=lambda: print("farewell", flush=True)) as stop:
    os.kill(os.getpid(), signal.SIGINT)
    print(stop.signal_number, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    print("not reached", flush=True)
"""


def test_the_first_signal_is_a_request() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stop_on_signals() as stop:
        assert stop.signal_number is None
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.signal_number == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_second_ends_the_process_after_a_last_word() -> None:
    child = subprocess.run(
        [sys.executable, "-c", ASKED_TWICE], capture_output=True, text=True, check=False
    )
    assert child.returncode == 128 + signal.SIGTERM
    assert child.stdout.splitlines() == [str(int(signal.SIGINT)), "farewell"]


def test_another_thread_leaves_the_handlers_alone() -> None:
    found = []

    def work() -> None:
        with stop_on_signals() as stop:
            found.append((stop.signal_number, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(None, signal.getsignal(signal.SIGINT))]

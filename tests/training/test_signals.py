from __future__ import annotations

import signal
import subprocess
import sys
import threading

from sightline.training.signals import stop_on_signals

# In processes of their own: a signal that goes astray would end the tests.
ASKED_ONCE = """
import os, signal
from sightline.training.signals import stop_on_signals
before = signal.getsignal(signal.SIGTERM)
with stop_on_signals() as stop:
    print(stop.signal_number)
    os.kill(os.getpid(), signal.SIGTERM)
    print(stop.signal_number)
print(signal.getsignal(signal.SIGTERM) is before)
"""
ASKED_TWICE = """
import os, signal
from sightline.training.signals import stop_on_signals
with stop_on_signals(before_exit=lambda: print("farewell", flush=True)) as stop:
    os.kill(os.getpid(), signal.SIGINT)
    print(stop.signal_number, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    print("not reached", flush=True)
"""


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )


def test_the_first_signal_is_a_request() -> None:
    child = run(ASKED_ONCE)
    assert child.returncode == 0, child.stderr
    assert child.stdout.split() == ["None", str(int(signal.SIGTERM)), "True"]


def test_the_second_ends_the_process_after_a_last_word() -> None:
    child = run(ASKED_TWICE)
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

from __future__ import annotations

import logging
import os
import subprocess
import sys

import pytest

from sightline.cli.quiet import quiet_third_parties, without_start_messages


def test_known_chatter_is_kept_back_and_logged(capfd, caplog):
    with caplog.at_level(logging.DEBUG, "sightline"), without_start_messages():
        os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called\n")
        os.write(2, b"I0000 00:00:1795262312.796857   13765 port.cc:153] oneDNN\n")
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n")
    assert capfd.readouterr().err == ""
    assert [record.message[:5] for record in caplog.records] == ["WARNI", "I0000", "INFO:"]


def test_everything_else_is_passed_on_in_order(capfd):
    with without_start_messages():
        os.write(2, b"E0000 00:00:1 a real error\n")
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n")
        os.write(2, b"ours\n")
        os.write(2, b"no line end")
    assert capfd.readouterr().err == "E0000 00:00:1 a real error\nours\nno line end"


def test_an_error_inside_passes_and_standard_error_works_again(capfd):
    with pytest.raises(ImportError), without_start_messages():
        os.write(2, b"why\n")
        raise ImportError("why")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "why\nafter\n"


def test_the_callers_wish_stands(monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    quiet_third_parties()
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"


@pytest.mark.train
def test_tensorflow_starts_in_silence():
    code = "from sightline.cli.quiet import *\nquiet_third_parties()\n"
    code += "with without_start_messages():\n    import tensorflow\n"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120)
    assert (child.returncode, child.stdout, child.stderr) == (0, b"", b"")

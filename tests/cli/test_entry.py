from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time

import pytest

from sightline import __version__, errors
from sightline.cli import entry, main
from sightline.cli.verbs import VERBS


@pytest.fixture
def failing(monkeypatch):
    """Return a function that makes `sightline models` end with the error given."""

    def install(error):
        def run(words):
            raise error

        monkeypatch.setattr(entry, "_run", run)

    return install


def test_no_words_print_the_help(capsys):
    assert main([]) == 0
    assert "Usage: sightline" in capsys.readouterr().out


def test_help_lists_every_verb_with_its_summary(capsys):
    assert main(["--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for verb in VERBS.values():
        assert verb.name in shown
        assert verb.summary.split()[0] in shown


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"sightline {__version__}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["modles"], "Did you mean 'models'?"),
        (["models", "--jsn"], "Did you mean '--json'?"),
        (["models", "mobilnet_v2"], "Did you mean 'mobilenet_v2'?"),
        (["--json", "models"], "sightline COMMAND --json"),
        (["models", "mobilenet", "too", "many"], "sightline models --help"),
    ],
)
def test_a_mistyped_word_suggests_the_near_one(words, message, capsys):
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigError("x"), 2),
        (errors.DataError("x"), 3),
        (errors.CheckFailedError("x"), 3),
        (errors.ModelError("x"), 4),
        (errors.MachineError("x"), 5),
        (errors.Interrupted("x", signal_number=15), 143),
        (KeyboardInterrupt(), 130),
        (MemoryError(), 5),
        (OSError(28, "No space left on device", "/somewhere"), 5),
        (BrokenPipeError(), 141),
        (ValueError("x"), 1),
    ],
)
def test_each_error_has_its_exit_code(failing, error, code, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("SIGHTLINE_CACHE", str(tmp_path))
    failing(error)
    assert main(["models"]) == code
    assert "Traceback" not in capsys.readouterr().err


def test_an_error_is_told_in_three_parts(failing, capsys):
    failing(errors.DataError("No [red]photos[/red] at a\x1b[31mb.", expected="some", fix="add"))
    assert main(["models"]) == 3
    assert capsys.readouterr().err == (
        "Error: No [red]photos[/red] at a\\x1b[31mb.\nExpected: some\nTo do: add\n"
    )


def test_verbose_adds_the_traceback(failing, capsys):
    failing(errors.DataError("No photos."))
    main(["models", "-v"])
    err = capsys.readouterr().err
    assert "Traceback (most recent call last)" in err
    assert err.endswith("Error: No photos.\n")


def test_an_error_as_json(failing, capsys, check_schema):
    failing(errors.DataError("No photos.", fix="add", code="no_photos", details={"path": "a"}))
    assert main(["models", "--json"]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    document = json.loads(err.splitlines()[-1])
    check_schema(document, "error")
    assert (document["code"], document["exit_code"]) == ("no_photos", 3)
    assert document["details"] == {"path": "a"}


def test_words_after_two_dashes_are_no_options(failing, capsys):
    failing(errors.DataError("No photos."))
    main(["models", "--", "--json"])
    assert capsys.readouterr().err == "Error: No photos.\n"


def test_an_unexpected_error_says_where_the_log_is(failing, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("SIGHTLINE_CACHE", str(tmp_path))
    failing(ZeroDivisionError("by zero"))
    assert main(["models"]) == 1
    err = capsys.readouterr().err
    log = tmp_path / "last-crash.log"
    assert "Unexpected ZeroDivisionError: by zero" in err
    assert str(log) in err
    assert "Traceback" in log.read_text()


def test_an_unexpected_error_without_a_place_for_a_log(failing, capsys, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SIGHTLINE_CACHE", str(tmp_path / "file" / "cache"))
    failing(ZeroDivisionError("by zero"))
    assert main(["models"]) == 1
    assert "run it again with -v" in capsys.readouterr().err


def test_a_missing_extra_is_named_with_what_brings_it(failing, capsys):
    failing(ModuleNotFoundError("No module named 'cv2'", name="cv2"))
    assert main(["models"]) == 5
    err = capsys.readouterr().err
    assert "opencv-python-headless is not installed" in err
    assert "To do: pip install 'sightline[train]'" in err


def test_a_missing_module_of_nobodys_extra_is_unexpected(failing, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("SIGHTLINE_CACHE", str(tmp_path))
    failing(ModuleNotFoundError("No module named 'nowhere'", name="nowhere.part"))
    assert main(["models"]) == 1


def test_the_log_file_gets_the_traceback_and_no_control_characters(tmp_path, capsys):
    log = tmp_path / "run.log"
    assert main(["models", "a\x1b[31m\nb", "--log-file", str(log)]) == 2
    text = log.read_text()
    assert "Traceback" in text
    assert "\x1b" not in text
    assert "Traceback" not in capsys.readouterr().err


def test_a_log_file_that_cannot_be_written(tmp_path, capsys):
    assert main(["models", "--log-file", str(tmp_path / "none" / "run.log")]) == 5
    assert "Cannot write" in capsys.readouterr().err


def test_main_leaves_the_host_as_it_was(capsys):
    before = signal.getsignal(signal.SIGTERM)
    main(["models"])
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_closed_pipe_is_quiet():
    program = "import sightline.cli as c; raise SystemExit(c.main(['models']))"
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    child.stdout.close()
    assert child.stderr.read() == b""
    assert child.wait(30) == 141
    child.stderr.close()


def test_a_full_disk_under_standard_output(sightline_process):
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-c", "import sightline.cli as c; raise SystemExit(c.main())"]
        child = subprocess.run(
            [*command, "models"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert child.returncode == 5
    assert "No room on the disk" in child.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals_unwind_the_program(number, code, tmp_path):
    program = f"""
import sys, time
from pathlib import Path
from sightline.cli import entry
def run(words):
    try:
        Path({str(tmp_path / "ready")!r}).touch()
        time.sleep(30)
    finally:
        Path({str(tmp_path / "unwound")!r}).touch()
entry._run = run
sys.exit(entry.main(["models"]))
"""
    child = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while not (tmp_path / "ready").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(number)
    _, err = child.communicate(timeout=30)
    assert child.returncode == code
    assert err.startswith("Error: Stopped by")
    assert (tmp_path / "unwound").exists()


def test_help_takes_under_a_third_of_a_second_of_processor_time(sightline_process):
    # Processor time, since wall time is that of whatever else the machine does; the promise
    # of 0.3 s is for one core to itself.
    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert sightline_process("--help").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    seconds()  # writes the byte code
    assert min(seconds() for _ in range(3)) < 0.3


def test_output_that_the_locale_cannot_show(sightline_process):
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    child = sightline_process("models", "mobilenet_v2", env=environment)
    assert child.returncode == 0
    assert "224" in child.stdout

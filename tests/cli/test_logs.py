from __future__ import annotations

import logging
import warnings

import pytest

from sightline.cli.logs import log_file, start_logging, stop_logging


@pytest.fixture(autouse=True)
def clean():
    yield
    stop_logging()


@pytest.mark.parametrize(
    ("verbose", "shown"),
    [
        (0, ["WARNING: ours"]),
        (1, ["INFO: ours", "WARNING: ours"]),
        (2, ["DEBUG: ours", "INFO: ours", "WARNING: ours", "WARNING: theirs"]),
        (5, ["DEBUG: ours", "INFO: ours", "WARNING: ours", "WARNING: theirs"]),
    ],
)
def test_what_the_screen_shows(verbose, shown, capsys):
    start_logging(verbose=verbose)
    ours = logging.getLogger("sightline.images")
    ours.debug("ours")
    ours.info("ours")
    ours.warning("ours")
    logging.getLogger("theirs").warning("theirs")
    assert capsys.readouterr().err.splitlines() == shown


def test_the_file_gets_everything_and_is_appended_to(tmp_path, capsys):
    file = tmp_path / "run.log"
    file.write_text("before\n")
    start_logging(file=file)
    assert log_file() == file
    logging.getLogger("sightline").debug("ours")
    logging.getLogger("theirs").warning("theirs")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    stop_logging()
    text = file.read_text()
    assert text.startswith("before\n")
    assert "DEBUG sightline: ours" in text
    assert "WARNING theirs: theirs" in text
    assert "DeprecationWarning: old" in text
    assert capsys.readouterr().err == ""


def test_a_name_cannot_forge_a_line(capsys):
    start_logging()
    logging.getLogger("sightline").warning("skipped %s", "a\nERROR: forged\x1b[2J.jpg")
    assert capsys.readouterr().err == "WARNING: skipped a\\nERROR: forged\\x1b[2J.jpg\n"


def test_starting_again_replaces(capsys):
    start_logging(verbose=2)
    start_logging()
    logging.getLogger("sightline").info("quiet")
    logging.getLogger("sightline").warning("once")
    assert capsys.readouterr().err == "WARNING: once\n"
    stop_logging()
    assert log_file() is None

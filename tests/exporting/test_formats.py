"""The table of formats."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.errors import ConfigError
from sightline.exporting.formats import FORMATS, format_of
from sightline.inference.exported import GRAPHS, READERS


def test_every_format_can_be_run_and_says_why_it_may_differ() -> None:
    assert set(FORMATS) == set(GRAPHS)
    assert {form.name for form in FORMATS.values() if form.reading} == set(READERS)
    for form in FORMATS.values():
        for name, precision in form.precisions.items():
            assert name == precision.name and precision.reason
            allowed = precision.allowed
            assert 0 < allowed.agreement <= 1 and 0 < allowed.difference <= 1


def test_the_suffix_decides_and_float32_is_the_default() -> None:
    form, precision = format_of(Path("a.TFLITE"), None)
    assert (form.name, precision.name) == ("litert", "float32")
    assert format_of(Path("a.tflite"), "int8")[1].samples > 0
    with pytest.raises(ConfigError, match=r"Cannot export to a\.pb"):
        format_of(Path("a.pb"), None)
    with pytest.raises(ConfigError, match="Did you mean 'float16'"):
        format_of(Path("a.tflite"), "flaot16")


def test_formats_share_what_a_precision_may_differ_by() -> None:
    # `sightline formats` tells it once for each.
    known = {}
    for form in FORMATS.values():
        for name, one in form.precisions.items():
            told = one.allowed, one.reason
            assert known.setdefault(name, told) == told

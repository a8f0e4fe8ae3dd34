from __future__ import annotations

import os
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from sightline.dataset.labels import clean_label, one_class, twin_labels


@given(st.text())
def test_a_clean_label_is_printable_utf8_and_stays_as_it_is(text):
    label = clean_label(text)
    assert clean_label(label) == label == unicodedata.normalize("NFC", label)
    assert label.encode() and not set(label) & set("\n\r\t\x1b\u202e") if text else label == ""


def test_bytes_that_are_not_utf8_are_escaped():
    assert clean_label(os.fsdecode(b"caf\xe9")) == "caf\\udce9"


def test_twins_are_told_once_for_each_set():
    found = twin_labels(["Cat", "cat", "CAT", "dog", "Dog ", "bird", "bird"])
    assert [finding.paths for finding in found] == [("CAT", "Cat", "cat"), ("Dog ", "dog")]
    assert twin_labels(["straße", "strasse"]) and not twin_labels(["cat", "cats"])


def test_two_folders_that_would_get_one_label_are_twins():
    assert twin_labels(["a\nb", "a\\nb"])


def test_one_class_names_what_was_found():
    assert one_class({"a": 1, "b": 2}, "x") == ()
    (found,) = one_class({"cats": 312}, "data")
    assert "at least 2 classes, found cats (312) in data" in found.message
    assert "found none" in one_class({}, "data")[0].message

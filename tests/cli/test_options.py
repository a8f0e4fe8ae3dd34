from __future__ import annotations

import pytest

from sightline.cli.options import cache_bytes, parse_image_size, parse_split
from sightline.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "size"), [("224", (224, 224)), ("160x224", (160, 224)), ("160×224", (160, 224))]
)
def test_image_size_is_height_then_width(text, size):
    assert parse_image_size(text) == size


@pytest.mark.parametrize("text", ["", "x", "224x", "-1", "1.5", "224,224", "224x224x3", "999999"])
def test_what_is_no_image_size(text):
    with pytest.raises(ConfigError, match="HEIGHTxWIDTH"):
        parse_image_size(text)


@pytest.mark.parametrize(("size", "count"), [(None, None), (0, 0), (1.5, 1_500_000_000)])
def test_cache_size_is_in_gigabytes(size, count):
    assert cache_bytes(size) == count


@pytest.mark.parametrize("size", [-1, float("nan"), float("inf")])
def test_what_is_no_cache_size(size):
    with pytest.raises(ConfigError, match="--cache-size"):
        cache_bytes(size)


def test_a_split_is_three_shares():
    assert parse_split("0.9, 0.05,0.05") == (0.9, 0.05, 0.05)


@pytest.mark.parametrize("text", ["", "0.9", "0.9,0.1", "0.7,0.1,0.1,0.1", "a,b,c", "70%,15%,15%"])
def test_what_is_no_split(text):
    with pytest.raises(ConfigError, match="--split"):
        parse_split(text)

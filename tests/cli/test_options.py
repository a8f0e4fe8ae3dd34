from __future__ import annotations

import pytest

from sightline.cli.options import parse_image_size
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

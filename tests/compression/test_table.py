"""The table of methods and their options."""

from __future__ import annotations

import json

import pytest

from sightline.compression import METHODS, compression_method
from sightline.compression.options import ChannelOptions, DistillOptions
from sightline.errors import ConfigError


def test_every_method_says_what_it_is() -> None:
    for name, method in METHODS.items():
        assert method.name == name
        assert method.summary.endswith(".") and "arXiv" in method.source
        json.dumps(method.options_from({}).to_json(), allow_nan=False)


def test_a_mistyped_word_is_told() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'channels'"):
        compression_method("chanels")
    with pytest.raises(ConfigError, match="Did you mean 'temperature'"):
        compression_method("distill").options_from({"temprature": 2})


@pytest.mark.parametrize("keep", [0, 1, 1.5, True, "half", float("nan")])
def test_what_is_kept_is_a_share(keep: object) -> None:
    with pytest.raises(ConfigError, match="keep is"):
        ChannelOptions(keep=keep)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 0},
        {"share": 1.1},
        {"epochs": 2.0},
        {"weights": "imagnet"},
        {"augment": "strog"},
        {"backbone": "mobilenet_v2", "backbone_options": {"alpa": 0.5}},
    ],
)
def test_options_are_checked_at_birth(options: dict) -> None:
    with pytest.raises(ConfigError):
        DistillOptions(**options)

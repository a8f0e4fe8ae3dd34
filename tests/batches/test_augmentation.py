"""The record: bounds, presets, JSON."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.batches.augmentation import _BOUNDS, _FLAGS, PRESETS, Augmentation
from sightline.errors import ConfigError


def augmentations() -> st.SearchStrategy[Augmentation]:
    floats = {name: st.floats(*bounds) for name, bounds in _BOUNDS.items()}
    floats["shift_pixels"] = st.integers(0, 1024)
    flags = {name: st.booleans() for name in _FLAGS}
    return st.builds(Augmentation, **floats, **flags)


@given(augmentations())
def test_json_round_trip_is_the_identity(augmentation):
    assert Augmentation.from_json(json.loads(json.dumps(augmentation.to_json()))) == augmentation


def test_every_field_has_bounds():
    assert {field.name for field in fields(Augmentation)} == {*_BOUNDS, *_FLAGS}


def test_the_defaults_change_nothing():
    plain = Augmentation()
    assert plain == PRESETS["none"] == Augmentation.from_json({})
    assert not (plain.changes_images or plain.mixes)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_mirror_nothing_and_mix_nothing(name):
    preset = PRESETS[name]
    assert not (preset.horizontal_flip or preset.vertical_flip or preset.mixes)


def test_strong_reaches_further_than_light_everywhere():
    light, strong = PRESETS["light"].to_json(), PRESETS["strong"].to_json()
    assert all(strong[name] >= light[name] for name in light)
    # A 6 must not become a 9, nor an arrow point elsewhere.
    assert strong["rotation"] <= 30


def test_whole_and_broken_numbers_are_the_same_record():
    assert json.dumps(Augmentation(rotation=10).to_json()) == json.dumps(
        Augmentation(rotation=10.0).to_json()
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rotation", -1),
        ("rotation", 181),
        ("rotation", float("nan")),
        ("rotation", "10"),
        ("rotation", True),
        ("zoom", 0.5),
        ("gamma", 0),
        ("shift_pixels", 1.5),
        ("erase_probability", 1.1),
        ("mixup", -0.1),
        ("horizontal_flip", 1),
        ("horizontal_flip", "yes"),
    ],
)
def test_bad_values_are_refused_by_name_and_value(name, value):
    with pytest.raises(ConfigError) as caught:
        replace(PRESETS["light"], **{name: value})
    assert caught.value.code == "out_of_range"
    assert f"{name} is {value!r}" in str(caught.value)


def test_unknown_fields_are_refused_with_the_near_name():
    with pytest.raises(ConfigError, match="Did you mean 'rotation'"):
        Augmentation.from_json({"rotations": 3})
    with pytest.raises(ConfigError, match="an object"):
        Augmentation.from_json([1])


@pytest.mark.parametrize(
    ("options", "properties"),
    [
        ({"rotation": 1}, {"moves", "warps"}),
        ({"zoom": 1.1}, {"moves", "warps"}),
        ({"shift_pixels": 1}, {"moves"}),
        ({"vertical_flip": True}, {"moves"}),
        ({"gamma": 1.1}, {"relights"}),
        ({"hue": 1}, {"recolours"}),
        ({"erase_probability": 0.1}, {"erases"}),
    ],
)
def test_properties_say_what_is_asked(options, properties):
    augmentation = Augmentation(**options)
    kinds = {"moves", "warps", "relights", "recolours", "erases"}
    assert {kind for kind in kinds if getattr(augmentation, kind)} == properties
    assert augmentation.changes_images

"""The ways that `--quantize auto` tries."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sightline.exporting import FORMATS, Candidate, candidates
from sightline.models.bundle import Bundle

from .small import pictures, small_bundle

PRECISIONS = {"float32", "float16", "dynamic", "int8"}


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return small_bundle("three classes")


def ways(bundle: Bundle, name: str, at_hand: int) -> list[Candidate]:
    pixels = pictures(bundle, at_hand)
    return list(candidates(bundle, FORMATS[name], lambda: iter(pixels), at_hand=at_hand))


@pytest.mark.parametrize("name", ["litert", "onnx", "web"])
def test_int8_is_tried_in_several_ways(bundle: Bundle, name: str) -> None:
    tried = ways(bundle, name, 201)
    names = [one.name for one in tried]
    assert set(names) > {
        *FORMATS[name].precisions,
        "int8, ranges of 201 images",
        "int8, 1 layer in float",
    }
    settings = [one.precision.tuning for one in tried if one.name not in PRECISIONS]
    assert all(one.statistics for one in settings) and any(one.in_float for one in settings)
    assert {one.rounding for one in settings} == {"minmax", "octav"}
    (losses,) = {one.losses for one in tried if one.losses}
    # The order in which they are asked, whatever is found of them.
    ways_of_int8 = [one for one in names if one.startswith("int8")]
    assert names[: len(FORMATS[name].precisions) - 1] == list(FORMATS[name].precisions)[:-1]
    in_float = [one for one in ways_of_int8 if "in float" in one]
    assert ways_of_int8 == [
        *in_float,
        "int8",
        "int8, ranges of 201 images",
        "int8, kernels to their largest weight",
    ]
    assert in_float == sorted(in_float, key=lambda one: -int(one.split()[1]))
    errors = [loss.error for loss in losses]
    assert errors == sorted(errors, reverse=True)


def test_images_that_are_not_there_are_no_way(bundle: Bundle) -> None:
    assert not any("images" in one.name for one in ways(bundle, "litert", 200))


def test_a_network_trained_for_8_bits_has_one_way(bundle: Bundle) -> None:
    trained = replace(bundle, architecture=replace(bundle.architecture, quantized=True))
    assert {one.name for one in ways(trained, "litert", 40)} == PRECISIONS


def test_other_formats_are_tried_in_their_precisions(bundle: Bundle) -> None:
    assert [one.name for one in ways(bundle, "keras", 40)] == ["float32"]

"""The numbers drawn, and the matrices and tables, against cases computed by hand."""

from __future__ import annotations

import colorsys
from dataclasses import fields, replace

import numpy as np
import pytest

from sightline.batches.augmentation import PRESETS, Augmentation
from sightline.batches.drawing import (
    Draw,
    colour_matrices,
    draw,
    lookup_tables,
    warp_matrices,
)

KEYS = np.arange(5000, dtype=np.uint64)


def drawn(augmentation: Augmentation, *, keys=KEYS, seed=0, epoch=0) -> Draw:
    return draw(augmentation, keys, seed=seed, epoch=epoch, height=100, width=200)


def one(**changes) -> Draw:
    """Return the draw of one image that changes nothing but what is given."""
    still = drawn(Augmentation(), keys=KEYS[:1])
    return replace(still, **{name: np.array([value]) for name, value in changes.items()})


def mapped(draw_: Draw, x: float, y: float) -> list[float]:
    """Return where a point of an image of 5 x 9 pixels goes."""
    return (warp_matrices(draw_, height=5, width=9)[0] @ [x, y, 1]).round(9).tolist()


def test_nothing_asked_draws_the_identity():
    still = drawn(Augmentation())
    matrices = warp_matrices(still, height=100, width=200)
    assert (matrices == [[1, 0, 0], [0, 1, 0]]).all()
    assert (lookup_tables(still) == np.arange(256)).all()
    np.testing.assert_allclose(colour_matrices(still), np.tile(np.eye(3), (5000, 1, 1)), atol=1e-12)
    assert not still.erase.any()


@pytest.mark.parametrize(
    ("changes", "point", "goes_to"),
    [
        ({"shift": (3.0, -2.0)}, (0, 0), [3, -2]),
        ({"flip": (True, False)}, (0, 1), [8, 1]),
        ({"flip": (False, True)}, (0, 1), [0, 3]),
        ({"rotation": 90.0}, (8, 2), [4, -2]),  # right of the centre goes above it
        ({"rotation": -90.0}, (8, 2), [4, 6]),
        ({"scale": (2.0, 1.0)}, (6, 1), [8, 1]),
        ({"scale": (1.0, 0.5)}, (6, 0), [6, 1]),
        ({"shear": 45.0}, (4, 4), [6, 4]),
        ({"flip": (True, False), "shift": (1.0, 0.0)}, (0, 0), [9, 0]),  # flip, then shift
        ({"rotation": 90.0, "scale": (2.0, 1.0)}, (5, 2), [4, 0]),  # scale, then rotate
    ],
)
def test_points_go_where_they_should(changes, point, goes_to):
    assert mapped(one(**changes), *point) == goes_to


def test_draws_fill_their_ranges_and_no_more():
    strong = replace(PRESETS["strong"], shift_pixels=3, horizontal_flip=True)
    values = drawn(strong)
    assert values.rotation.min() == pytest.approx(-20, abs=0.1)
    assert values.rotation.max() == pytest.approx(20, abs=0.1)
    assert np.abs(values.shear).max() <= 8
    zoom = np.sqrt(values.scale[:, 0] * values.scale[:, 1])
    stretch = values.scale[:, 0] / values.scale[:, 1]
    assert 1 / 1.3 <= zoom.min() < 0.775 and 1.295 < zoom.max() <= 1.3
    assert 1 / 1.15 <= stretch.min() and stretch.max() <= 1.15
    # A tenth of width 200 and of height 100, and three pixels.
    assert 22 < np.abs(values.shift[:, 0]).max() <= 23
    assert 12 < np.abs(values.shift[:, 1]).max() <= 13
    assert values.flip[:, 0].mean() == pytest.approx(0.5, abs=0.03) and not values.flip[:, 1].any()
    assert np.abs(values.brightness).max() <= 0.15
    assert 0.7 <= values.contrast.min() and values.contrast.max() <= 1.3
    assert 1 / 1.3 <= values.gamma.min() and values.gamma.max() <= 1.3
    assert 0.6 <= values.saturation.min() and values.saturation.max() <= 1.4
    assert np.abs(values.hue).max() <= 12


def test_four_epochs_show_an_image_all_four_ways():
    both = Augmentation(horizontal_flip=True, vertical_flip=True)
    ways = [2 * flip[:, 0] + flip[:, 1] for flip in (drawn(both, epoch=e).flip for e in range(4))]
    assert (np.sort(np.stack(ways), axis=0) == np.arange(4)[:, None]).all()
    assert (ways[0] // 2 != ways[1] // 2).all()
    first = np.bincount(ways[0], minlength=4) / len(ways[0])
    assert np.abs(first - 0.25).max() < 0.02


def test_whole_shifts_are_whole_and_equally_likely():
    shift = drawn(Augmentation(shift_pixels=2)).shift
    counts = {value: int((shift == value).sum()) for value in np.unique(shift)}
    assert list(counts) == [-2, -1, 0, 1, 2]
    assert min(counts.values()) > 1850 and max(counts.values()) < 2150


def test_erased_rectangles_lie_inside_and_have_their_area():
    boxes = drawn(replace(PRESETS["strong"], erase_probability=1.0)).erase
    top, left, tall, wide = boxes.T
    assert (top >= 0).all() and (left >= 0).all()
    assert (top + tall <= 100).all() and (left + wide <= 200).all()
    # Rounding each side of at least 26 x 8 pixels; what is cut off at the edge only shrinks.
    assert (tall * wide <= 0.2 * 100 * 200 * 1.1).all()
    assert np.median(tall * wide) == pytest.approx(0.11 * 100 * 200, rel=0.05)
    chosen = drawn(PRESETS["strong"]).erase[:, 2] > 0
    assert chosen.mean() == pytest.approx(0.25, abs=0.03)


def test_one_option_never_alters_what_another_draws():
    everything = replace(PRESETS["strong"], shift_pixels=4, vertical_flip=True)
    alone = drawn(Augmentation(rotation=20))
    assert (drawn(everything).rotation == alone.rotation).all()


def test_draws_depend_on_seed_epoch_and_key_only():
    whole = drawn(PRESETS["strong"], seed=3, epoch=2)
    some = drawn(PRESETS["strong"], keys=KEYS[[7, 3]], seed=3, epoch=2)
    for field in fields(Draw):
        assert (getattr(some, field.name) == getattr(whole, field.name)[[7, 3]]).all()
    for other in ({"seed": 4, "epoch": 2}, {"seed": 3, "epoch": 3}):
        assert (drawn(PRESETS["strong"], **other).rotation != whole.rotation).all()


def test_one_lookup_is_gamma_contrast_and_brightness_in_turn():
    values = drawn(PRESETS["strong"], keys=KEYS[:200])
    for index, table in enumerate(lookup_tables(values)):
        level = (np.arange(256) / 255) ** values.gamma[index]
        level = 0.5 + (level - 0.5) * values.contrast[index]
        level = np.clip(level + values.brightness[index], 0, 1)
        assert np.abs(table - level * 255).max() <= 0.5 + 1e-6


@pytest.mark.parametrize(
    ("changes", "level", "becomes"),
    [
        ({"brightness": 0.2}, 0, 51),
        ({"brightness": 0.2}, 250, 255),
        ({"contrast": 2.0}, 255, 255),
        ({"contrast": 0.0}, 10, 128),
        ({"gamma": 2.0}, 51, 10),  # 0.2 squared is 0.04
    ],
)
def test_lookups_by_hand(changes, level, becomes):
    assert lookup_tables(one(**changes))[0, level] == becomes


def test_colours_keep_greys_and_brightness():
    matrices = colour_matrices(drawn(PRESETS["strong"]))
    np.testing.assert_allclose(matrices @ np.ones(3), 1, atol=1e-3)
    luma = np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(luma @ matrices, np.tile(luma, (5000, 1)), atol=1e-12)


def test_no_saturation_is_grey():
    grey = colour_matrices(one(saturation=0.0))[0] @ [200, 100, 50]
    np.testing.assert_allclose(grey, 0.299 * 200 + 0.587 * 100 + 0.114 * 50, atol=0.2)


def test_hue_turns_from_red_towards_yellow():
    hues = [
        colorsys.rgb_to_hsv(*np.clip(colour_matrices(one(hue=angle))[0] @ [0.7, 0.4, 0.4], 0, 1))[0]
        for angle in (0.0, 20.0, 40.0)
    ]
    assert hues[0] == pytest.approx(0, abs=1e-6) or hues[0] == pytest.approx(1, abs=1e-6)
    assert 0.02 < hues[1] < hues[2] < 0.25

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from PIL import Image

from sightline.auditing.copies import near_copies
from sightline.dataset import Row, read_content
from sightline.images import BytesSource


def pair(name: str, seed: int, distance: int, *, quality: int = 90):
    """Return an image whose hash is said to be so far from all zeros."""
    levels = np.random.default_rng(seed).integers(0, 256, (14, 14, 3), dtype=np.uint8)
    picture = Image.fromarray(levels).resize((160, 160), Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    source = BytesSource(stream.getvalue(), name)
    hashed = np.packbits(np.arange(256) < distance).tobytes()
    content = replace(read_content(source), perceptual_hash=hashed, inner_hash=None)
    return Row(source=source, labels=("x",)), content


def names(sets) -> list[list[str]]:
    return [[row.name for row, _ in members] for members in sets]


def test_very_near_hashes_need_no_proof():
    assert names(near_copies([pair("a", 0, 0), pair("b", 1, 40)], crowded=())) == [["a", "b"]]


def test_pixels_decide_between_copies_and_look_alikes():
    versions = [pair("a", 0, 0), pair("b", 0, 46, quality=40)]
    strangers = [pair("a", 0, 0), pair("b", 1, 46)]
    assert names(near_copies(versions, crowded=())) == [["a", "b"]]
    assert near_copies(strangers, crowded=()) == ()


def test_a_look_alike_between_two_copies_is_taken_out():
    members = [pair("a", 0, 0), pair("b", 1, 44), pair("c", 0, 3, quality=50)]
    assert names(near_copies(members, crowded=())) == [["a", "c"]]


def test_crowds_are_left_alone():
    members = [pair("a", 0, 0), pair("b", 0, 10, quality=50)]
    assert near_copies(members, crowded={members[1][1].digest}) == ()


def test_what_can_no_longer_be_read_is_no_copy():
    row, content = pair("b", 0, 46, quality=40)
    gone = replace(row, source=BytesSource(b"", "b"))
    assert near_copies([pair("a", 0, 0), (gone, content)], crowded=()) == ()

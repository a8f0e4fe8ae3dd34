from __future__ import annotations

import io
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from sightline.dataset import Content, Dataset, content_groups, read_content
from sightline.dataset.duplicates import LARGEST_FAMILY
from sightline.files import sha256_bytes
from sightline.images import BytesSource
from sightline.images.hashing import NEAR_DUPLICATE_DISTANCE, hash_distance


def content(name: str, look: bytes | None = None, inner: bytes | None = None) -> Content:
    digest = sha256_bytes(name.encode())
    return Content(digest=digest, size=1, perceptual_hash=look, inner_hash=inner)


def keys(contents, groups=None, **options) -> tuple[str, ...]:
    return content_groups(contents, groups or [None] * len(contents), **options).keys


def look_at(distance: int) -> bytes:
    """Return a hash that differs from all zeros in the first `distance` bits."""
    return np.packbits(np.arange(256) < distance).tobytes()


def test_same_digest_same_group_and_near_hashes_join():
    contents = [content("a"), content("b"), content("a"), content("c"), content("d"), content("e")]
    a, b, again, c, d, e = keys(contents, [None, "g", None, "g", None, None])
    assert a == again and b == c == "g" and len({a, b, d, e}) == 4


def test_the_key_of_a_group_is_its_smallest_member():
    contents = [content("a", look_at(0)), content("b", look_at(20)), content("c", look_at(200))]
    first, second, third = keys(contents)
    assert first == second == min(contents[0].digest, contents[1].digest)
    assert third == contents[2].digest
    assert keys(contents, ["z", None, "y"]) == ("z", "z", "y")


@pytest.mark.parametrize(("distance", "together"), [(47, True), (48, True), (49, False)])
def test_near_is_up_to_the_limit(distance, together):
    assert NEAR_DUPLICATE_DISTANCE == 48
    first, second = keys([content("a", look_at(0)), content("b", look_at(distance))])
    assert (first == second) is together


def test_unreadable_images_join_nothing_readable():
    lost = Content(digest="", size=0)
    first, second, third = keys([lost, content("a"), lost], [None, "g", "g"])
    assert first not in (second, third) and second == third == "g"


def test_images_without_a_hash_are_near_to_none():
    assert len(set(keys([content("a"), content("b"), content("c", look_at(0))]))) == 3


@pytest.mark.parametrize(("distance", "together"), [(48, True), (49, False)])
def test_a_picture_near_to_the_inner_part_of_another_is_its_crop(distance, together):
    whole = content("whole", look_at(0), inner=look_at(120))
    crop = content("crop", look_at(120 + distance), inner=look_at(250))
    first, second = keys([whole, crop])
    assert (first == second) is together
    assert (len(set(keys([crop, whole]))) == 1) is together


def test_inner_parts_alike_are_no_sign_of_a_crop():
    contents = [content("a", look_at(0), look_at(120)), content("b", look_at(256), look_at(121))]
    assert len(set(keys(contents))) == 2


def test_crops_join_nothing_to_a_crowd():
    crowd = [content(str(i), look_at(i), inner=look_at(128)) for i in range(LARGEST_FAMILY + 4)]
    crop = content("crop", look_at(130), inner=look_at(250))
    assert keys([*crowd, crop])[-1] == crop.digest


def photo(side: int = 240) -> Image.Image:
    levels = np.random.default_rng(5).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return Image.fromarray(levels).resize((side, side), Image.Resampling.BICUBIC)


def test_a_centred_crop_of_five_per_cent_is_found():
    def read(picture: Image.Image) -> Content:
        stream = io.BytesIO()
        picture.save(stream, "PNG")
        return read_content(BytesSource(stream.getvalue(), "x"))

    whole, crop = read(photo()), read(photo().crop((6, 6, 234, 234)))
    assert hash_distance(whole.inner_hash, crop.perceptual_hash) <= 24
    first, second = keys([whole, crop])
    assert first == second


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 200)), max_size=30), st.randoms())
def test_groups_do_not_depend_on_order(images, random):
    contents = [content(str(name), look_at(look + name)) for name, look in dict(images).items()]
    shuffled = random.sample(contents, len(contents))
    assert dict(zip(contents, keys(contents), strict=True)) == dict(
        zip(shuffled, keys(shuffled), strict=True)
    )


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 100), max_size=50),
    st.lists(st.integers(0, 256), max_size=60),
)
def test_added_images_that_resemble_no_old_one_change_no_group(old, added):
    """With crowds on both sides: the limit on families must be local too."""
    before = [content(f"old {i}", look_at(at)) for i, at in enumerate(old)]
    after = [content(f"new {i}", look_at(at)) for i, at in enumerate(added)]
    assume(
        all(
            hash_distance(a.perceptual_hash, b.perceptual_hash) > NEAR_DUPLICATE_DISTANCE
            for a in before
            for b in after
        )
    )
    assert keys([*after, *before])[len(after) :] == keys(before)


def test_a_chain_of_likenesses_does_not_swallow_the_data():
    # 200 pictures, each 6 bits from the next: a film, or drawings of one kind.
    rng = np.random.default_rng(0)
    bits = [rng.integers(0, 2, 256)]
    for i in range(199):
        flips = np.isin(np.arange(256), rng.choice(256, 6 + i % 3, replace=False))
        bits.append(bits[-1] ^ flips)
    contents = [content(str(i), np.packbits(b).tobytes()) for i, b in enumerate(bits)]
    groups = content_groups(contents, [None] * 200)
    assert all(groups.crowded)
    assert max(Counter(groups.keys).values()) <= LARGEST_FAMILY
    (notice,) = groups.notices([str(i) for i in range(200)])
    assert notice.check == "look_alikes" and len(notice.paths) == 200


def test_the_most_alike_stay_together_in_a_crowd():
    # One scene under one camera, everything within 48 bits; two photos of one part, 2 bits apart.
    rng = np.random.default_rng(1)
    looks = [
        np.packbits(np.isin(np.arange(256), rng.choice(256, 20, replace=False))) for _ in range(100)
    ]
    looks.append(looks[7] ^ np.packbits(np.arange(256) < 2))
    contents = [content(str(i), look.tobytes()) for i, look in enumerate(looks)]
    found = keys(contents)
    assert found[7] == found[100]
    assert max(Counter(found).values()) <= LARGEST_FAMILY


@pytest.mark.parametrize(("copies", "together"), [(LARGEST_FAMILY, True), (33, False)])
def test_equal_hashes_join_up_to_the_largest_family(copies, together):
    contents = [content(str(i), look_at(5)) for i in range(copies)]
    assert (len(set(keys(contents))) == 1) is together
    # Identical files are one digest, however many.
    assert len(set(keys([content("a", look_at(5))] * 100))) == 1


def test_versions_of_a_photo_are_one_group():
    coarse = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    photo = Image.fromarray(coarse).resize((512, 384), Image.Resampling.BICUBIC)
    versions = [
        (photo, "PNG", {}),
        (photo, "JPEG", {"quality": 40}),
        (photo.resize((300, 225)), "JPEG", {"quality": 85}),
        (photo.point(lambda level: int(level * 0.8)), "PNG", {}),
        (photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT), "PNG", {}),
    ]
    contents = []
    for image, kind, options in versions:
        stream = io.BytesIO()
        image.save(stream, kind, **options)
        contents.append(read_content(BytesSource(stream.getvalue(), "photo")))
    *same, mirrored = keys(contents)
    assert len(set(same)) == 1 and mirrored != same[0]


@pytest.mark.shared
def test_near_duplicates_of_real_photos_are_few(shared, tmp_path, monkeypatch):
    monkeypatch.setenv("SIGHTLINE_CACHE", str(tmp_path))
    dataset = Dataset.from_folder(shared / "data" / "clothing")
    assert len(dataset) == 2530 and len(dataset.classes) == 10
    contents = dataset.contents()
    assert all(one.ok for one in contents)
    sizes = Counter(Counter(keys(contents)).values())
    # Measured: two pairs, all others alone.
    assert max(sizes) <= 3 and sizes[1] > 2500
    train, validation, test = dataset.without_splits().split(contents=contents)
    assert abs(len(train) / 2530 - 0.7) < 0.03
    for part in (train, validation, test):
        assert min(part.class_counts().values()) > 0

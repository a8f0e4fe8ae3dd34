from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sightline.dataset import Content, Row, leaks
from sightline.images import BytesSource

SPLITS = st.sampled_from([None, "train", "validation", "test"])


def row(name: str, split: str | None, group: str | None = None) -> Row:
    return Row(source=BytesSource(b"", name), labels=("x",), split=split, group=group)


@given(st.lists(st.tuples(st.integers(0, 5), SPLITS, st.sampled_from([None, "g", "h"]))))
def test_leaving_out_the_surplus_leaves_no_leak(images):
    rows = [row(str(i), split, group) for i, (_, split, group) in enumerate(images)]
    contents = [Content(digest=str(digest), size=1) for digest, _, _ in images]
    surplus = {name for finding in leaks(rows, contents) for name in finding.surplus}
    kept = [(r, c) for r, c in zip(rows, contents, strict=True) if r.name not in surplus]
    assert leaks([r for r, _ in kept], [c for _, c in kept]) == ()
    # And no copy of what judges was touched for its own digest alone.
    assert all(r.split != "test" for r in rows if r.name in surplus)


@given(st.lists(st.tuples(st.integers(0, 5), SPLITS)))
def test_a_digest_leaks_exactly_if_it_is_in_two_splits(images):
    rows = [row(str(i), split) for i, (_, split) in enumerate(images)]
    contents = [Content(digest=str(digest), size=1) for digest, _ in images]
    expected = {
        digest
        for digest in range(6)
        if len({split for number, split in images if number == digest and split}) > 1
    }
    found = leaks(rows, contents)
    assert {images[int(finding.paths[0])][0] for finding in found} == expected
    assert all(finding.check == "leak" for finding in found)


def test_what_cannot_be_read_leaks_nothing():
    rows = [row("a", "train"), row("b", "test")]
    assert leaks(rows, [Content(digest="", size=0)] * 2) == ()


def test_near_copies_are_told_apart_from_copies():
    rows = [row("a", "train"), row("b", "test"), row("c", "train")]
    near = [bytes(32), bytes([255, 0] * 2) + bytes(28), bytes([0] * 16 + [255] * 16)]
    contents = [Content(digest=str(i), size=1, perceptual_hash=h) for i, h in enumerate(near)]
    (found,) = leaks(rows, contents)
    assert found.check == "near_leak" and found.severity == "error"
    assert found.paths == ("a", "b") and found.surplus == ("a",)

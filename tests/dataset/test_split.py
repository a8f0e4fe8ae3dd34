from __future__ import annotations

import itertools
import math
from collections import Counter

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sightline.dataset import Content, Dataset, Row
from sightline.dataset.split import Assignment, Fractions, assign_splits
from sightline.errors import ConfigError, DataError
from sightline.files import sha256_bytes
from sightline.images import BytesSource

SHARES = Fractions(train=0.7, validation=0.15, test=0.15)


def row(name: str, *labels: str, split: str | None = None, group: str | None = None) -> Row:
    return Row(source=BytesSource(b"", name), labels=labels, split=split, group=group)


def digest(name: str) -> str:
    return sha256_bytes(name.encode())


def content(name: str, look: bytes | None = None) -> Content:
    return Content(digest=digest(name), size=1, perceptual_hash=look)


def assign(rows, groups=None, *, fractions: Fractions = SHARES, seed: int = 0) -> Assignment:
    groups = [digest(r.name) for r in rows] if groups is None else groups
    return assign_splits(rows, groups, fractions, seed=seed)


# Rows as (label, group number): few groups, so that they mix classes and are short of images.
ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30)), max_size=40)
SEEDS = st.integers(0, 2**31)


def built(pairs, prefix: str = "") -> tuple[list[Row], list[str]]:
    rows = [row(f"{prefix}{i}", label) for i, (label, _) in enumerate(pairs)]
    return rows, [digest(f"{prefix}group {number}") for _, number in pairs]


@given(ROWS, SEEDS)
def test_splits_partition_and_groups_never_straddle(pairs, seed):
    rows, groups = built(pairs)
    splits = assign(rows, groups, seed=seed).splits
    assert len(splits) == len(rows) and set(splits) <= {"train", "validation", "test"}
    for group in set(groups):
        assert len({s for s, g in zip(splits, groups, strict=True) if g == group}) == 1


@given(st.randoms(use_true_random=False), ROWS, SEEDS)
def test_a_split_that_gave_no_notice_never_moves(random, added, seed):
    # Enough of each class that most splits need no help; groups mix classes.
    old = [(random.choice("ab"), random.randrange(100)) for _ in range(random.randrange(80, 160))]
    old_rows, old_groups = built(old)
    new_rows, new_groups = built(added, "new ")
    before = assign(old_rows, old_groups, seed=seed)
    assume(not before.notices)
    after = assign([*new_rows, *old_rows], [*new_groups, *old_groups], seed=seed)
    assert after.splits[len(new_rows) :] == before.splits


@settings(max_examples=300)
@given(
    st.lists(st.sampled_from("abc"), max_size=30),
    st.lists(st.sampled_from("abcd"), max_size=30),
    SEEDS,
)
def test_only_classes_that_were_topped_up_can_move(old, added, seed):
    old_rows = [row(f"old {i}", label) for i, label in enumerate(old)]
    new_rows = [row(f"new {i}", label) for i, label in enumerate(added)]
    before = assign(old_rows, seed=seed)
    after = assign(old_rows + new_rows, seed=seed)
    borrowed = {name for notice in before.notices for name in notice.paths}
    excused = {r.labels[0] for r in old_rows if r.name in borrowed}
    excused |= {notice.message.split("'")[1] for notice in before.notices if not notice.paths}
    for r, was, now in zip(old_rows, before.splits, after.splits, strict=False):
        assert was == now or r.labels[0] in excused


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=40), SEEDS)
def test_every_class_is_in_every_split_if_it_has_three_images(labels, seed):
    rows = [row(str(i), label) for i, label in enumerate(labels)]
    done = assign(rows, seed=seed)
    held = set(zip(labels, done.splits, strict=True))
    small = {notice.message.split("'")[1] for notice in done.notices if not notice.paths}
    assert small == {label for label, n in Counter(labels).items() if n < 3}
    for label in set(labels):
        assert (label, "train") in held
        if label not in small:
            assert {split for word, split in held if word == label} == {
                "train", "validation", "test",
            }  # fmt: skip


@given(ROWS, SEEDS, st.randoms())
def test_order_decides_nothing(pairs, seed, random):
    rows, groups = built(pairs)
    expected = dict(zip(rows, assign(rows, groups, seed=seed).splits, strict=True))
    places = list(range(len(rows)))
    random.shuffle(places)
    shuffled = assign([rows[i] for i in places], [groups[i] for i in places], seed=seed)
    assert [expected[rows[i]] for i in places] == list(shuffled.splits)


def test_sizes_are_as_asked_within_four_standard_deviations():
    rows = [row(str(i), "ab"[i % 2]) for i in range(20_000)]
    done = assign(rows)
    assert done.notices == ()
    for label, (name, share) in itertools.product(
        "ab", {"train": 0.7, "validation": 0.15, "test": 0.15}.items()
    ):
        count = sum(
            s == name and r.labels == (label,) for r, s in zip(rows, done.splits, strict=True)
        )
        assert abs(count - 10_000 * share) < 4 * math.sqrt(10_000 * share * (1 - share))


def test_another_seed_is_an_independent_split():
    rows = [row(str(i), "a") for i in range(4000)]
    first, second = (assign(rows, seed=seed).splits for seed in (0, 1))
    both = sum(a == b == "test" for a, b in zip(first, second, strict=True))
    assert abs(both - 4000 * 0.15**2) < 4 * math.sqrt(4000 * 0.15**2)


def test_a_larger_share_of_train_leaves_the_test_set_alone():
    rows = [row(str(i), "a") for i in range(500)]
    more = assign(rows, fractions=Fractions(train=0.8, validation=0.05, test=0.15)).splits
    tests = [
        [i for i, s in enumerate(splits) if s == "test"] for splits in (assign(rows).splits, more)
    ]
    assert tests[0] == tests[1]


def test_a_share_of_zero_gives_no_images():
    rows = [row(str(i), "ab"[i % 2]) for i in range(40)]
    splits = assign(rows, fractions=Fractions(train=0.8, validation=0, test=0.2)).splits
    assert set(splits) == {"train", "test"}


@pytest.mark.parametrize(
    "shares",
    [(0.7, 0.2, 0.2), (1.2, -0.1, -0.1), (float("nan"), 0.5, 0.5), (0, 0, 0), (70, 15, 15)],
)
def test_shares_must_be_shares(shares):
    with pytest.raises(ConfigError, match="train="):
        Fractions(train=shares[0], validation=shares[1], test=shares[2])


def test_a_split_that_is_there_is_kept():
    rows = [
        row(str(i), "ab"[i % 2], split=["train", "validation", "test"][i % 3]) for i in range(60)
    ]
    assert assign(rows).splits == tuple(r.split for r in rows)


def test_a_missing_validation_split_is_taken_out_of_train():
    rows = [row(str(i), "a", split="train" if i < 1000 else "test") for i in range(1200)]
    done = assign(rows)
    assert set(done.splits[1000:]) == {"test"}
    counts = Counter(done.splits[:1000])
    assert set(counts) == {"train", "validation"}
    assert abs(counts["validation"] - 1000 * 0.15 / 0.85) < 50


def test_a_split_can_be_taken_out_of_the_train_part_of_a_split_by_the_same_seed():
    rows = [row(str(i), "ab"[i % 2]) for i in range(2000)]
    splits = assign(rows).splits
    kept = [
        row(r.name, *r.labels, split=split)
        for r, split in zip(rows, splits, strict=True)
        if split != "validation"
    ]
    carved = Counter(assign(kept).splits)
    expected = Counter(splits)["train"] * 0.15 / 0.85
    assert carved["validation"] == pytest.approx(expected, abs=4 * math.sqrt(expected))


def test_taking_validation_out_of_train_leaves_copies_of_test_images_in_train():
    rows = [row(str(i), "a", split="train") for i in range(50)]
    rows += [row("t", "a", split="test")]
    splits = assign(rows, [digest("one")] * 51).splits
    assert splits == ("train",) * 50 + ("test",)


def test_test_images_alone_are_nothing_to_train_on():
    with pytest.raises(DataError, match="all rows are in test"):
        assign([row("a", "x", split="test")])


def test_new_images_follow_the_recorded_split_of_their_group():
    kept = [row("a", "x", split="validation"), row("b", "x", split="test")]
    new = [
        row("near a", "x"),
        row("near b", "x"),
        row("between", "x"),
        row("c", "x", split="train"),
    ]
    groups = ["A", "B", "A", "B", "A", "A"]
    splits = assign(kept + new, groups).splits
    # Group A holds an image that was trained on: what joins it must not judge.
    assert splits == ("validation", "test", "train", "test", "train", "train")


LOOK = bytes(32)


def pictures(*names: str, looks: dict[str, bytes] | None = None, label: str = "x"):
    rows = tuple(row(name, label) for name in names)
    contents = [content(name, (looks or {}).get(name)) for name in names]
    return Dataset(rows=rows, classes=(label,)), contents


def splits_of(dataset: Dataset, contents, **options) -> dict[str, str]:
    parts = dataset.split(contents=contents, allow={"small_class"}, **options)
    return {r.name: r.split for part in parts for r in part.rows}


def test_an_image_that_bridges_two_groups_joins_them_by_the_smallest_digest():
    """The documented rule: no rule without history could leave both where they were."""
    far = bytes([255] * 8 + [0] * 24)
    between = bytes([255] * 4 + [0] * 28)
    looks = {"left": LOOK, "right": far, "bridge": between}
    fill = [f"fill {i}" for i in range(60)]
    moved = 0
    for seed in range(30):
        before = splits_of(*pictures("left", "right", *fill, looks=looks), seed=seed)
        after = splits_of(*pictures("left", "right", "bridge", *fill, looks=looks), seed=seed)
        first = min(("left", "right", "bridge"), key=digest)
        alone = splits_of(*pictures(first, *fill, looks=looks), seed=seed)[first]
        assert after["left"] == after["right"] == after["bridge"] == alone
        assert all(after[name] == before[name] for name in fill)
        moved += before["left"] != before["right"]
    assert moved > 5


def test_near_duplicates_can_be_let_apart():
    near = {str(i): bytes([i]) + bytes(31) for i in range(30)}
    dataset, contents = pictures(*near, looks=near)
    assert len(set(splits_of(dataset, contents).values())) == 1
    assert len(set(splits_of(dataset, contents, near_duplicates=False).values())) == 3


def test_identical_images_stay_together_also_in_two_classes():
    rows = tuple(row(f"{i}", "ab"[i % 2]) for i in range(100))
    contents = [content(str(i // 10)) for i in range(100)]
    splits = splits_of(Dataset(rows=rows, classes=("a", "b")), contents)
    for i in range(10):
        assert len({splits[str(j)] for j in range(10 * i, 10 * i + 10)}) == 1


def test_too_small_a_class_is_refused_with_counts_and_can_be_allowed():
    rows = tuple(row(f"{i}", "ab"[i < 2]) for i in range(30))
    dataset = Dataset(rows=rows, classes=("a", "b", "c"))
    contents = [content(r.name) for r in rows]
    with pytest.raises(DataError) as caught:
        dataset.split(contents=contents)
    assert caught.value.code == "small_class"
    assert "'b' has 2 images in 2 groups, for 3 splits" in caught.value.what
    assert "'c' has 0 images in 0 groups" in caught.value.what
    assert "--allow small_class" in str(caught.value.fix)
    train, validation, test = dataset.split(contents=contents, allow=["small_class"])
    small = [n for n in train.notices if n.check == "small_class"]
    assert {n.severity for n in small} == {"warning"}
    assert not any("--allow" in n.fix for n in small), "nothing stopped"
    assert train.class_counts()["b"] == test.class_counts()["b"] == 1
    assert validation.class_counts()["b"] == 0


def test_a_rare_label_of_many_is_only_a_warning():
    rows = tuple(row(f"{i}", *(("a", "b") if i == 0 else ("a",))) for i in range(30))
    dataset = Dataset(rows=rows, classes=("a", "b"), task="multi_label")
    train, _, _ = dataset.split(contents=[content(r.name) for r in rows])
    (small,) = [n for n in train.notices if n.check == "small_class"]
    assert small.severity == "warning"
    assert small.fix == "add images of it, or leave the class out"


def test_topped_up_images_are_named():
    rows = [row(str(i), "a") for i in range(4)]
    for seed in range(20):
        done = assign(rows, seed=seed)
        plain = assign([*rows, *(row(f"more {i}", "a") for i in range(400))], seed=seed).splits[:4]
        moved = {r.name for r, s, p in zip(rows, done.splits, plain, strict=False) if s != p}
        assert moved == {name for notice in done.notices for name in notice.paths}


def test_the_three_parts_hold_every_row_once(fill):
    root = fill({f"{label}/{i}.png": f"{label}{i}" for label in ("cat", "dog") for i in range(12)})
    dataset = Dataset.from_folder(root)
    parts = dataset.split(0.5, 0.25, 0.25, seed=3)
    assert [part.split_counts for part in parts] == [
        {name: len(part)} for name, part in zip(("train", "validation", "test"), parts, strict=True)
    ]
    assert sorted(name for part in parts for name in part.names) == sorted(dataset.names)
    assert all(part.classes == dataset.classes and part.root == root for part in parts)
    assert parts == dataset.split(0.5, 0.25, 0.25, seed=3)

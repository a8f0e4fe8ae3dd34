from __future__ import annotations

import io

import numpy as np
from PIL import Image

from sightline.auditing import Findings, audit
from sightline.dataset import Dataset, Row
from sightline.images import BytesSource


def version(seed: int, *, side: int = 128, kind: str = "PNG", **options) -> bytes:
    levels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    picture = Image.fromarray(levels).resize((128, 128), Image.Resampling.NEAREST)
    stream = io.BytesIO()
    picture.resize((side, side), Image.Resampling.BOX).save(stream, kind, **options)
    return stream.getvalue()


def audited(*rows: tuple[str, str, bytes]) -> Findings:
    made = tuple(
        Row(
            source=BytesSource(data, name),
            labels=(label,),
            split=name.split("/")[0] if "/" in name else None,
        )
        for name, label, data in rows
    )
    return audit(Dataset(rows=made, classes=tuple(sorted({label for _, label, _ in rows}))))


OTHER = ("z", "y", version(7))


def test_the_largest_version_is_kept():
    found = audited(
        ("a", "x", version(0, side=96)), ("b", "x", version(0)), ("c", "x", version(1)), OTHER
    ).of("near_duplicate")
    assert [(item.severity, item.paths, item.surplus) for item in found] == [
        ("warning", ("b", "a"), ("a",))
    ]


def test_versions_in_two_splits_are_told_once_as_a_leak():
    found = audited(
        ("train/a", "x", version(0)),
        ("test/b", "x", version(0, side=96)),
        ("train/c", "y", version(1)),
        ("test/d", "y", version(2)),
    )
    assert found.of("near_duplicate") == ()
    assert [item.surplus for item in found.of("near_leak")] == [("train/a",)]


def test_versions_inside_a_split_are_told_also_where_others_leak():
    found = audited(
        ("train/a", "x", version(0)),
        ("test/b", "x", version(0, side=96)),
        ("test/c", "x", version(0)),
        ("train/d", "y", version(1)),
        ("test/e", "y", version(2)),
    )
    assert [item.surplus for item in found.of("near_leak")] == [("train/a",)]
    (inside,) = found.of("near_duplicate")
    assert (inside.paths, inside.surplus) == (("test/c", "test/b"), ("test/b",))


def test_a_version_without_a_split_goes_with_those_that_judge():
    (found,) = audited(
        ("loose", "x", version(0)),
        ("train/a", "x", version(0, side=112)),
        ("test/b", "x", version(0, side=96)),
        OTHER,
    ).of("near_duplicate")
    assert (found.paths, found.surplus) == (("test/b", "loose"), ("loose",))


def test_identical_files_are_no_near_duplicates():
    found = audited(("a", "x", version(0)), ("b", "x", version(0)), OTHER)
    assert {item.check for item in found} == {"duplicate", "small_class"}


def test_both_kinds_of_copy_leave_one_of_all():
    found = audited(
        ("a", "x", version(0)),
        ("b", "x", version(0)),
        ("c", "x", version(0, kind="JPEG", quality=60)),
        OTHER,
    )
    surplus = {name for item in found for name in item.surplus}
    assert len(found.of("near_duplicate")) == 1 and len(found.of("duplicate")) == 1
    assert surplus == {"b", "c"}


def test_two_labels_for_nearly_one_image_are_a_conflict():
    found = audited(("a", "x", version(0)), ("b", "y", version(0, kind="JPEG", quality=60)), OTHER)
    (conflict,) = found.of("near_conflict")
    assert conflict.severity == "warning" and conflict.surplus == ("a", "b")
    assert "a is x; b is y" in conflict.message
    assert found.of("near_duplicate") == () and found.of("conflict") == ()


def test_look_alikes_in_a_crowd_are_not_copies():
    """Forty pictures that differ a little from each other are a kind, not copies of one."""
    rng = np.random.default_rng(0)
    base = rng.integers(0, 256, (16, 16, 3)).astype(float)
    rows = []
    for i in range(40):
        levels = np.clip(base + rng.normal(0, 25, base.shape), 0, 255).astype(np.uint8)
        stream = io.BytesIO()
        Image.fromarray(levels).resize((128, 128), Image.Resampling.NEAREST).save(stream, "PNG")
        rows.append((f"{i}", "xy"[i % 2], stream.getvalue()))
    found = audited(*rows)
    assert found.of("near_duplicate") == () and found.of("near_conflict") == ()

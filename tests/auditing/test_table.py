from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightline.auditing import CHECKS, audit, table
from sightline.auditing.check import Check
from sightline.auditing.findings import Findings, NotRun
from sightline.auditing.table import checks_by_name
from sightline.dataset import Dataset, Finding, Row
from sightline.errors import ConfigError
from sightline.images import BytesSource, FileSource
from sightline.predictions import Predictions


def encoded(seed: int, *, kind: str = "PNG", side: int = 64, **options) -> bytes:
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((side, side), Image.Resampling.NEAREST)
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def dataset(*rows: tuple[str, str, bytes] | tuple[str, str, bytes, str]) -> Dataset:
    """Return a dataset of (name, label, content[, group]); `train/…` names say the split."""
    made = tuple(
        Row(
            source=BytesSource(data, name),
            labels=tuple(label.split("|")),
            split=name.split("/")[0] if "/" in name else None,
            group=group[0] if group else None,
        )
        for name, label, data, *group in rows
    )
    classes = tuple(sorted({label for row in made for label in row.labels}))
    task = "multi_label" if any(len(row.labels) > 1 for row in made) else "multi_class"
    return Dataset(rows=made, classes=classes, task=task)


def test_sound_data_have_no_findings():
    assert audit(dataset(*((f"{i}", "ab"[i % 2], encoded(i)) for i in range(8)))) == ()


def test_unreadable_images_are_named_with_their_reason(tmp_path: Path):
    sound = dataset(("a", "x", encoded(1)), ("b", "y", b""), ("c", "y", encoded(2)[:-90]))
    gone = Row(source=FileSource(tmp_path / "no.png", "no.png"), labels=("x",))
    found = audit(Dataset(rows=(*sound.rows, gone), classes=("x", "y"))).of("unreadable")
    assert [(item.severity, item.paths, item.surplus) for item in found] == [
        ("error", ("b",), ("b",)),
        ("error", ("c",), ("c",)),
        ("error", ("no.png",), ("no.png",)),
    ]
    assert "[empty_file]" in found[0].message and "[truncated]" in found[1].message
    assert "ENOENT" in found[2].message


def test_a_leak_keeps_the_copy_that_judges():
    image = encoded(1)
    found = audit(
        dataset(
            ("train/a", "x", image),
            ("validation/b", "x", image),
            ("test/c", "x", image),
            ("train/d", "x", encoded(2)),
        )
    ).of("leak")
    (leak,) = found
    assert leak.severity == "error"
    assert leak.paths == ("train/a", "validation/b", "test/c")
    assert leak.surplus == ("train/a", "validation/b")
    assert "test (test/c) and validation (validation/b) and train (train/a)" in leak.message


def test_a_recompressed_copy_in_another_split_is_a_near_leak():
    found = audit(
        dataset(
            ("train/a.png", "x", encoded(1, side=128)),
            ("test/a.jpg", "x", encoded(1, kind="JPEG", side=96, quality=60)),
            ("test/b.png", "x", encoded(2, side=128)),
        )
    ).of("near_leak")
    assert [(item.check, item.severity, item.surplus) for item in found] == [
        ("near_leak", "error", ("train/a.png",))
    ]


def test_copies_within_a_split_leak_nothing():
    found = audit(dataset(("train/a", "x", encoded(1)), ("train/b", "x", encoded(1))))
    assert {item.check for item in found} == {"duplicate"}


def test_a_named_group_in_two_splits_is_an_error():
    found = audit(
        dataset(
            ("train/a", "x", encoded(1), "patient 7"),
            ("test/b", "x", encoded(2), "patient 7"),
            ("test/c", "x", encoded(3), "patient 8"),
        )
    )
    assert [(item.check, item.severity, item.paths) for item in found] == [
        ("group_leak", "error", ("train/a", "test/b"))
    ]


def test_conflicting_labels_name_every_copy_and_no_right_one():
    found = audit(
        dataset(("a", "x", encoded(1)), ("b", "y", encoded(1)), ("c", "x", encoded(1)))
    ).of("conflict")
    (conflict,) = found
    assert conflict.severity == "error" and "a is x; b is y" in conflict.message
    assert conflict.surplus == ("a", "b", "c")


def test_the_same_set_of_labels_in_another_order_is_no_conflict():
    found = audit(dataset(("a", "x|y", encoded(1)), ("b", "y|x", encoded(1))))
    assert found.of("conflict") == () and len(found.of("duplicate")) == 1


def test_duplicates_leave_one_of_each():
    found = audit(
        dataset(("a", "x", encoded(1)), ("b", "x", encoded(1)), ("c", "x", encoded(1)))
    ).of("duplicate")
    (duplicate,) = found
    assert duplicate.severity == "warning"
    assert duplicate.paths == ("a", "b", "c") and duplicate.surplus == ("b", "c")


def test_a_split_that_lacks_a_class():
    found = audit(
        dataset(
            ("train/a", "x", encoded(1)), ("test/b", "x", encoded(2)), ("test/c", "y", encoded(3))
        )
    ).of("missing_class")
    assert [(item.severity, item.message) for item in found] == [
        ("error", "Class 'y' has no image in train: it cannot be learned.")
    ]


def test_a_class_whose_images_are_in_no_split_yet_is_not_missing():
    rows = [("train/a", "x", encoded(1)), ("test/b", "x", encoded(2)), ("c", "y", encoded(3))]
    assert audit(dataset(*rows)).of("missing_class") == ()


def test_copies_do_not_make_a_class_large():
    rows = [(f"x{i}", "x", encoded(i)) for i in range(3)]
    rows += [(f"y{i}", "y", encoded(9)) for i in range(5)]
    (found,) = audit(dataset(*rows)).of("small_class")
    assert found.severity == "warning"
    assert "'y' has 5 images in 1 group:" in found.message


def test_changes_by_decoding_are_counted_not_listed_one_by_one():
    stream = io.BytesIO()
    Image.new("CMYK", (64, 64)).save(stream, "JPEG")
    found = audit(dataset(("a.jpg", "x", stream.getvalue()), ("b.jpg", "x", encoded(1) + b"more")))
    assert [(item.severity, item.message, item.paths) for item in found.of("conversion")] == [
        ("info", "1 image CMYK, converted to RGB.", ("a.jpg",)),
        ("warning", "1 image with bytes after their end, ignored.", ("b.jpg",)),
    ]
    (wrong,) = found.of("wrong_extension")
    assert wrong.paths == ("b.jpg",)


def test_redundant_is_what_without_takes():
    images = dataset(
        ("train/a", "x", encoded(1)),
        ("test/b", "x", encoded(1)),
        ("train/c", "x", b"text"),
        ("train/d", "y", encoded(2)),
        ("test/e", "y", encoded(3)),
        ("test/f", "x", encoded(3)),
    )
    findings = audit(images)
    assert set(findings.redundant()) == {"train/a", "train/c"}
    left = audit(images.without(findings.redundant()))
    assert {item.check for item in left} == {"conflict", "missing_class"}
    assert left.redundant() == ()


def test_contents_of_another_dataset_are_refused():
    images = dataset(("a", "x", encoded(1)), ("b", "y", encoded(2)))
    with pytest.raises(ConfigError, match="2 contents for 1 row"):
        audit(images.without(["a"]), images.contents())


def test_every_check_carries_its_own_name_and_needs_no_evidence_to_pass():
    empty = Dataset(rows=(), classes=())
    for name, check in CHECKS.items():
        assert check.name == name and check.title
    assert audit(empty, ()) == ()


def test_a_name_taken_twice_is_refused():
    check = Check(name="twice", title="a check", find=lambda evidence: ())
    with pytest.raises(ValueError, match="two checks are called 'twice'"):
        checks_by_name((check, check))


def answers(names: tuple[str, ...]) -> Predictions:
    return Predictions(
        task="multi_class",
        classes=("x", "y"),
        names=names,
        probabilities=np.full((len(names), 2), 0.5, np.float32),
    )


def test_a_check_without_what_it_needs_is_listed_and_not_run(monkeypatch: pytest.MonkeyPatch):
    found = Finding(check="opinion", severity="info", message="The model has an opinion.")
    check = Check(name="opinion", title="", find=lambda evidence: [found], needs="predictions")
    monkeypatch.setattr(table, "CHECKS", checks_by_name([check]))
    images = dataset(("a", "x", encoded(1)), ("b", "y", encoded(2)))
    without = audit(images)
    assert without == ()
    assert [skipped.check for skipped in without.not_run] == ["opinion"]
    assert "needs" in without.not_run[0].reason
    with_answers = audit(images, predictions=answers(("a", "b")))
    assert with_answers == (found,) and with_answers.not_run == ()


def test_predictions_of_other_images_are_refused():
    images = dataset(("a", "x", encoded(1)), ("b", "y", encoded(2)))
    with pytest.raises(ConfigError, match="not of these images") as caught:
        audit(images, predictions=answers(("b", "a")))
    assert caught.value.code == "not_aligned"


def test_findings_are_ordered_by_severity_and_keep_what_was_not_run():
    made = [
        Finding(check=name, severity=severity, message="")
        for name, severity in (("a", "info"), ("b", "error"), ("c", "warning"), ("d", "error"))
    ]
    skipped = (NotRun(check="e", reason="lacks it"),)
    ordered = Findings(made, not_run=skipped).worst_first()
    assert [finding.check for finding in ordered] == ["b", "d", "c", "a"]
    assert ordered.not_run == skipped

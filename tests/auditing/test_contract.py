"""What every check keeps to, tried on one set in which every kind of fault was planted."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from sightline.auditing import CHECKS, Check, Evidence
from sightline.dataset import Dataset, Row
from sightline.errors import SightlineError
from sightline.files import printable
from sightline.images import BytesSource

HOSTILE = "class\u202e\n\x1b[31m"


def encoded(picture: Image.Image, kind: str = "JPEG", **options) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def photo(seed: int, side: int = 96) -> Image.Image:
    levels = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return Image.fromarray(levels).resize((side, side), Image.Resampling.NEAREST)


@pytest.fixture(scope="module")
def faulty() -> Evidence:
    """Return images of three classes with hostile names, faults of every kind among them."""
    rows: list[Row] = []

    def add(label: str, data: bytes, *, split: str = "train", group: str | None = None) -> None:
        name = f"{split}/{HOSTILE}{len(rows)}.jpg"
        rows.append(Row(source=BytesSource(data, name), labels=(label,), split=split, group=group))

    for i in range(60):
        # One class is saved in another way, and has one border.
        quality = 30 if i % 2 else 90
        add(f"{HOSTILE}a" if i % 2 else "b", encoded(photo(i), quality=quality))
    for i in range(3):
        add("c", encoded(photo(100 + i)), split="test", group="one")
    whole = encoded(photo(0), quality=90)
    add("b", whole, split="test")
    add("c", whole)
    add("b", encoded(photo(8), quality=90))
    add("b", encoded(photo(10, 80)), split="test")
    add("d", encoded(photo(207)) + b"more")
    add("b", encoded(photo(2, 80), quality=50), group="one")
    add("c", encoded(photo(4, 80), quality=50))
    add("b", whole[:-300])
    add("b", b"")
    add("b", encoded(Image.new("RGB", (90, 90), "red")))
    add("b", encoded(photo(200).point(lambda level: level // 10)))
    add("b", encoded(photo(201).point(lambda level: 230 + level // 10)))
    add("b", encoded(photo(202).filter(ImageFilter.GaussianBlur(5))))
    add("b", encoded(photo(203).resize((8, 8))))
    add("b", encoded(photo(204).resize((300, 30))))
    add("b", encoded(photo(205), "PNG"))
    add("b", encoded(photo(206).convert("L")))
    dataset = Dataset(rows=tuple(rows), classes=tuple(sorted({r.labels[0] for r in rows})))
    return Evidence(dataset=dataset, contents=dataset.contents())


RUNNABLE = [check for check in CHECKS.values() if not check.needs]


@pytest.mark.parametrize("check", RUNNABLE, ids=lambda check: check.name)
def test_the_contract_of_a_check(check: Check, faulty: Evidence):
    assert check.missing(faulty) == ""
    names = {row.name for row in faulty.dataset}
    found = list(check.find(faulty))
    for finding in found:
        assert finding.check == check.name
        assert finding.severity in ("error", "warning", "info")
        assert set(finding.paths) <= names and len(set(finding.paths)) == len(finding.paths)
        assert set(finding.surplus) <= set(finding.paths)
        assert not finding.surplus or check.may_leave_out
        assert finding.severity != "error" or check.may_allow or check.may_leave_out
        for text in (finding.message, finding.fix):
            assert all(printable(line) == line for line in text.split("\n")), text
    again = Evidence(dataset=faulty.dataset, contents=faulty.contents)
    assert list(check.find(again)) == found, "the same evidence, the same findings"


def test_every_kind_of_fault_was_found(faulty: Evidence):
    silent = {check.name for check in RUNNABLE if not list(check.find(faulty))}
    # A picture of 50 megapixels, and a set without splits, have their own tests.
    assert silent == {"huge", "small_class"}


@pytest.mark.parametrize("check", RUNNABLE, ids=lambda check: check.name)
def test_a_check_survives_images_that_are_all_broken(check: Check):
    rows = tuple(Row(source=BytesSource(b"", str(i)), labels=("x",)) for i in range(3))
    dataset = Dataset(rows=rows, classes=("x",))
    evidence = Evidence(dataset=dataset, contents=dataset.contents())
    try:
        assert check.missing(evidence) or list(check.find(evidence)) is not None
    except SightlineError:  # pragma: no cover
        pytest.fail("a check raised for what the images are")

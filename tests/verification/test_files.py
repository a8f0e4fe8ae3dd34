"""The proof that an export reads files as we do, against sides that are written by hand."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from sightline.errors import CheckFailedError
from sightline.images import Preprocessing
from sightline.inference import Outputs
from sightline.models.rules import Rules
from sightline.verification import (
    FilesTolerance,
    Reading,
    compare_files,
    require_files,
    runner_reader,
)

STRICT = FilesTolerance(levels=0, mean_levels=0.0, difference=1e-6, agreement=1.0)
WIDE = FilesTolerance(levels=3, mean_levels=0.5, difference=0.2, agreement=0.5)
ONE = Reading(pixels=np.full((2, 2, 1), 100, np.uint8), probabilities=np.float32([0.6, 0.4]))


def side(**readings: Reading):
    """Return a reader for files whose content is their name."""
    return lambda files: [readings[data.decode()] for data in files]


def named(*names: str) -> list[tuple[str, bytes]]:
    return [(name, name.encode()) for name in names]


def test_the_same_is_the_same() -> None:
    proof = compare_files(side(a=ONE), side(a=ONE), named("a"), tolerance=STRICT)
    assert (proof.n, proof.levels, proof.changed, proof.max_difference) == (1, 0, 0.0, 0.0)
    assert proof.agreement == 1.0 and proof.passed
    require_files(proof, name="it")


def test_differences_are_counted_by_hand() -> None:
    pixels = ONE.pixels.copy()
    pixels[0, 0, 0] = 98
    other = Reading(pixels=pixels, probabilities=np.float32([0.45, 0.55]))
    proof = compare_files(side(a=ONE, b=ONE), side(a=ONE, b=other), named("a", "b"), tolerance=WIDE)
    assert (proof.levels, proof.mean_levels, proof.changed) == (2, 2 / 8, 1 / 8)
    assert proof.max_difference == pytest.approx(0.15)
    assert proof.mean_difference == pytest.approx(0.075)
    assert (proof.agreement, proof.disagreements, proof.worst) == (0.5, ("b",), "b")
    assert proof.passed
    assert json.loads(json.dumps(proof.to_json()))["allowed"]["levels"] == 3


@pytest.mark.parametrize(
    "limits", [{"levels": 1}, {"mean_levels": 0.2}, {"difference": 0.1}, {"agreement": 0.6}]
)
def test_each_limit_can_refuse(limits: dict[str, float]) -> None:
    pixels = ONE.pixels.copy()
    pixels[0, 0, 0] = 98
    other = Reading(pixels=pixels, probabilities=np.float32([0.45, 0.55]))
    tolerance = FilesTolerance(
        **{"levels": 3, "mean_levels": 0.5, "difference": 0.2, "agreement": 0.0, **limits}
    )
    proof = compare_files(side(a=ONE), side(a=other), named("a"), tolerance=tolerance)
    with pytest.raises(CheckFailedError) as caught:
        require_files(proof, name="The export")
    assert caught.value.code == "export_reads_otherwise" and caught.value.exit_code == 3


def test_another_shape_is_the_worst_difference() -> None:
    other = Reading(pixels=np.full((2, 2, 3), 100, np.uint8), probabilities=ONE.probabilities)
    proof = compare_files(side(a=ONE), side(a=other), named("a"), tolerance=WIDE)
    assert proof.levels == 255 and not proof.passed


def test_what_is_not_finite_never_passes() -> None:
    other = Reading(pixels=ONE.pixels, probabilities=np.float32([np.nan, 0.4]))
    proof = compare_files(side(a=ONE), side(a=other), named("a"), tolerance=WIDE)
    assert proof.max_difference == proof.mean_difference == float("inf") and not proof.passed


def test_a_file_that_one_side_refuses_is_named_and_not_compared() -> None:
    no = Reading(refused="not a JPEG")
    proof = compare_files(
        side(a=ONE, b=ONE, c=no), side(a=ONE, b=no, c=no), named("a", "b", "c"), tolerance=STRICT
    )
    assert (proof.n, proof.refused) == (1, (("b", "not a JPEG"),)) and proof.passed
    assert proof.unreadable == 1 and proof.to_json()["unreadable"] == 1
    nothing = compare_files(side(a=ONE), side(a=no), named("a"), tolerance=WIDE)
    assert nothing.n == 0 and not nothing.passed


def test_a_side_may_show_answers_only() -> None:
    blind = Reading(probabilities=np.float32([0.55, 0.45]))
    proof = compare_files(side(a=ONE), side(a=blind), named("a"), tolerance=WIDE)
    assert proof.levels is None and proof.changed is None
    assert proof.max_difference == pytest.approx(0.05) and proof.passed


def test_answers_are_what_the_caller_decides() -> None:
    own = Reading(probabilities=np.float32([0.6, 0.4]))
    other = Reading(probabilities=np.float32([0.6, 0.55]))
    readers = side(a=own), side(a=other)
    assert compare_files(*readers, named("a"), tolerance=WIDE).agreement == 1.0
    proof = compare_files(*readers, named("a"), tolerance=WIDE, decide=lambda p: p >= 0.5)
    assert proof.agreement == 0.0


def test_many_files_are_read_some_at_a_time() -> None:
    sizes = []

    def counting(files: Sequence[bytes]) -> list[Reading]:
        sizes.append(len(files))
        return [ONE for _ in files]

    proof = compare_files(counting, counting, named(*map(str, range(70))), tolerance=STRICT)
    assert proof.n == 70 and max(sizes) == 32


class Brightness:
    """A runner whose probability is the mean brightness."""

    classes, task, rules = ("dark", "light"), "multi_class", Rules()
    preprocessing = Preprocessing(height=4, width=4, channels=1)

    def run(self, pixels: np.ndarray) -> Outputs:
        light = pixels.mean(axis=(1, 2)) / 255
        both = np.concatenate([1 - light, light], axis=1).astype(np.float32)
        return Outputs(probabilities=both, logits=both)


def test_our_own_way_decodes_and_runs_and_tells_what_it_refuses() -> None:
    def png(level: int) -> bytes:
        stream = io.BytesIO()
        Image.new("L", (8, 8), level).save(stream, "PNG")
        return stream.getvalue()

    dark, broken, light = runner_reader(Brightness())([png(0), b"none", png(255)])
    assert dark.pixels.shape == (4, 4, 1) and dark.probabilities.tolist() == [1.0, 0.0]
    assert "not an image" in broken.refused and broken.pixels is None
    assert light.probabilities.tolist() == [0.0, 1.0]

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sightline.dataset import Content, Row
from sightline.errors import ImageError
from sightline.images import BytesSource, ImageHeader
from sightline.predictions import Predictions
from sightline.workflows.slices import attributes_of, slice_answers

HEADER = ImageHeader(format="JPEG", width=40, height=20, frames=1, mode="RGB", orientation=1)
N = 40


def rows(**columns: list[str]) -> list[Row]:
    return [
        Row(
            source=BytesSource(b"", f"{i}.jpg"),
            labels=("cat",),
            extra={name: values[i] for name, values in columns.items() if values[i]},
        )
        for i in range(N)
    ]


def contents(header: ImageHeader | None = HEADER) -> list[Content]:
    return [Content(digest=str(i), size=1, header=header) for i in range(N)]


def answers(wrong: range) -> Predictions:
    columns = [1 if i in wrong else 0 for i in range(N)]
    return Predictions(
        task="multi_class",
        classes=("cat", "dog"),
        names=tuple(f"{i}.jpg" for i in range(N)),
        probabilities=np.eye(2, dtype=np.float32)[columns],
    )


def test_columns_are_numbers_where_all_that_is_given_is() -> None:
    given = rows(age=["1.5"] * 20 + [""] * 20, place=["1"] * 39 + ["b"])
    known = attributes_of(given, contents())
    assert isinstance(known["age"], np.ndarray)
    assert np.isnan(known["age"]).sum() == 20
    assert known["place"] == ["1"] * 39 + ["b"]
    assert known["pixels"].tolist() == [800] * N
    assert known["width / height"].tolist() == [2.0] * N
    assert known["format"] == ["JPEG"] * N
    assert "group" not in known


def test_a_group_is_an_attribute_only_where_images_share_it() -> None:
    apart = [replace(row, group=row.name) for row in rows()]
    assert "group" not in attributes_of(apart, contents())
    shared = [replace(row, group="x" if i else None) for i, row in enumerate(rows())]
    assert attributes_of(shared, contents())["group"] == [""] + ["x"] * (N - 1)


def test_a_header_that_could_not_be_read_is_not_known() -> None:
    known = attributes_of(rows(), contents(None))
    assert np.isnan(known["pixels"]).all()
    assert known["format"] == [""] * N


def test_the_weak_camera_is_found_and_what_the_caller_adds_is_looked_at() -> None:
    found = slice_answers(
        answers(range(20)),
        rows(camera=["old"] * 20 + ["new"] * 20),
        contents(),
        further={"brightness": np.arange(40.0), "flash": ["on", "off"] * 20},
    )
    values = {(one.attribute, one.value) for one in found.weak}
    assert ("camera", "old") in values
    assert ("brightness", "lowest (0 to 9)") in values
    assert not any(attribute == "flash" for attribute, _ in values)


def test_images_without_an_answer_are_left_out() -> None:
    whole = answers(range(10))
    probabilities = np.array(whole.probabilities)
    probabilities[0] = np.nan
    failed = replace(whole, probabilities=probabilities, errors={0: ImageError("gone")})
    found = slice_answers(
        failed, rows(camera=["old"] * 20 + ["new"] * 20), contents(), further={"x": ["y"] * N}
    )
    (old,) = [one for one in found.slices if one.value == "old"]
    assert (old.n, old.accuracy.value) == (19, pytest.approx(10 / 19))

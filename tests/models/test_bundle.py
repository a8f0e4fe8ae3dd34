from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save as save_tensors

from sightline.dataset import RecordRow
from sightline.errors import ModelError, UnsafeModelError
from sightline.images import Preprocessing
from sightline.models import Architecture
from sightline.models.bundle import (
    GOLDEN_TENSORS,
    HELD_OUT,
    MANIFEST,
    RECORD,
    TWIN,
    WEIGHTS,
    Bundle,
    read_bundle,
    write_bundle,
)
from sightline.models.members import TEMPERATURE, pack_held_out, pack_record, pack_weights
from sightline.models.rules import HeldOut, Rules

RECORD_ROWS = (
    RecordRow("a" * 64, ("cat",), "", "train", "cat/1.jpg"),
    RecordRow("b" * 64, ("dog",), "herd", "test", "dog/\udcff\n.jpg"),
)


def a_bundle() -> Bundle:
    weights = {
        "logits/kernel": np.arange(6, dtype=np.float32).reshape(3, 2),
        "temperature/temperature": np.array(1, np.float32),
    }
    return Bundle(
        classes=("cat", "dog"),
        task="multi_class",
        preprocessing=Preprocessing(height=32, width=48, fit="pad"),
        architecture=Architecture(backbone="tutorial_cnn", classes=2, height=32, width=48),
        rules=Rules(unsure_below=(0.4,)),
        recipe={"seed": 3},
        metrics={"test": {"accuracy": None}},
        environment={"python": "3"},
        twin_outputs={
            "probabilities": "Identity_2",
            "logits": "Identity_1",
            "embedding": "Identity",
        },
        members={
            WEIGHTS: pack_weights(weights),
            TWIN: b"twin",
            RECORD: pack_record(RECORD_ROWS),
            GOLDEN_TENSORS: save_tensors({"pixels": np.zeros((1, 32, 48, 3), np.uint8)}),
            "golden/colour.png": b"png",
        },
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "it.sightline"
    write_bundle(target, a_bundle())
    return target


def test_reading_gives_back_what_was_written(path: Path) -> None:
    written, read = a_bundle(), read_bundle(path)
    assert {**vars(read), "members": dict(read.members)} == vars(written)
    assert read.record() == RECORD_ROWS
    assert read.twin() == b"twin"
    assert read.golden_files() == {"golden/colour.png": b"png"}
    weights = read.weights()
    assert weights["temperature/temperature"].shape == ()
    assert np.array_equal(weights["logits/kernel"], np.arange(6).reshape(3, 2))


def test_what_the_rules_were_chosen_on_travels_along(path: Path) -> None:
    assert read_bundle(path).held_out() is None
    answers = HeldOut(
        logits=np.float32([[1, 2]]),
        truth=np.array([[True, False]]),
        distances=np.zeros(0, np.float32),
    )
    bundle = a_bundle()
    members = {**bundle.members, HELD_OUT: pack_held_out(answers)}
    write_bundle(path, replace(bundle, members=members))
    read = read_bundle(path).held_out()
    assert read is not None and read.logits.tolist() == [[1, 2]]


def test_answers_of_other_classes_are_no_held_out_answers() -> None:
    answers = HeldOut(
        logits=np.float32([[1, 2, 3]]),
        truth=np.array([[True, False, False]]),
        distances=np.zeros(0, np.float32),
    )
    bundle = a_bundle()
    members = {**bundle.members, HELD_OUT: pack_held_out(answers)}
    with pytest.raises(ModelError, match=r"of shape \(1, 3\)") as caught:
        replace(bundle, members=members).held_out()
    assert caught.value.code == "damaged_model"


def test_rules_that_do_not_fit_the_classes_are_refused(path: Path) -> None:
    write_bundle(path, replace(a_bundle(), rules=Rules(positive=("cow", 0.5))))
    with pytest.raises(ModelError, match="Unknown class 'cow'") as caught:
        read_bundle(path)
    assert caught.value.code == "damaged_model"


def test_equal_content_gives_equal_bytes(path: Path, tmp_path: Path) -> None:
    write_bundle(tmp_path / "again.sightline", read_bundle(path))
    assert (tmp_path / "again.sightline").read_bytes() == path.read_bytes()


def test_the_manifest_is_last_and_everything_is_stored(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    assert members[-1].filename == MANIFEST
    assert {member.compress_type for member in members} == {zipfile.ZIP_STORED}


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "shirts.sightline").touch()
    with pytest.raises(ModelError, match="No model at") as caught:
        read_bundle(tmp_path / "shirt.sightlin")
    assert caught.value.exit_code == 4
    assert "Did you mean 'shirts.sightline'?" in caught.value.what


def test_a_folder_is_called_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is a folder"):
        read_bundle(tmp_path)


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.9999])
def test_a_truncated_file_is_refused(path: Path, kept: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(ModelError):
        read_bundle(path)


def _read_all(path: Path) -> None:
    bundle = read_bundle(path)
    bundle.weights(), bundle.twin(), bundle.record(), bundle.golden_tensors()
    bundle.golden_files()


def test_no_flipped_byte_changes_what_is_read(path: Path) -> None:
    """A flip is refused, or it hit a byte of the container that carries no meaning."""
    data = path.read_bytes()
    expected = read_bundle(path)
    rng = np.random.default_rng(0)
    refused = 0
    for offset in rng.choice(len(data), 300, replace=False):
        flipped = bytearray(data)
        flipped[offset] ^= 1 << int(rng.integers(8))
        path.write_bytes(flipped)
        try:
            _read_all(path)
            read = read_bundle(path)
        except ModelError:
            refused += 1
            continue
        assert dict(read.members) == dict(expected.members)
    assert refused > 150


def rebuilt(path: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """Write the archive again with other members, as somebody with a zip tool would."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def manifest_with(**changes: object) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        manifest = json.loads(members[MANIFEST])
        members[MANIFEST] = json.dumps({**manifest, **changes}).encode()

    return change


def _without_twin(members: dict[str, bytes]) -> None:
    del members[TWIN]


def _other_twin(members: dict[str, bytes]) -> None:
    members[TWIN] = b"TWIN"


DAMAGES: dict[str, Callable[[dict[str, bytes]], None]] = {
    "a member is missing": _without_twin,
    "a member was replaced": _other_twin,
    "not our format": manifest_with(format="other"),
    "a version that is none": manifest_with(format_version="one"),
    "classes twice": manifest_with(classes=["cat", "cat"]),
    "more classes than outputs": manifest_with(classes=["a", "b", "c"]),
    "classes that are no text": manifest_with(classes=[1, 2]),
    "no classes": manifest_with(classes=None),
    "another task than the network's": manifest_with(task="multi_label"),
    "an unknown network": manifest_with(architecture={"backbone": "evil:system"}),
    "preprocessing that is none": manifest_with(preprocessing={"height": -1}),
    "rules that are none": manifest_with(rules={"thresholds": "x"}),
    "no list of members": manifest_with(members=None),
    "outputs that are not named": manifest_with(twin_outputs={}),
    "outputs that are a list": manifest_with(twin_outputs=["probabilities"]),
    "outputs that are not text": manifest_with(
        twin_outputs={"probabilities": [], "logits": 1, "embedding": None}
    ),
    "a manifest that is no object": lambda members: members.update({MANIFEST: b"[]"}),
    "a manifest that is no JSON": lambda members: members.update({MANIFEST: b"{"}),
    "a manifest nested too deep": lambda members: members.update({MANIFEST: b"[" * 10**6}),
}


@pytest.mark.parametrize("change", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_bundle_is_refused_as_such(path: Path, change) -> None:
    rebuilt(path, change)
    with pytest.raises(ModelError, match="not a whole Sightline bundle"):
        _read_all(path)


def test_a_future_version_is_told_with_the_remedy(path: Path) -> None:
    rebuilt(path, manifest_with(format_version="2.0"))
    with pytest.raises(ModelError, match=r"format version 2\.0") as caught:
        read_bundle(path)
    assert caught.value.code == "future_version"
    assert "upgrade" in (caught.value.fix or "")


def test_a_newer_minor_version_is_read(path: Path) -> None:
    rebuilt(path, manifest_with(format_version="1.7"))
    _read_all(path)


def test_a_member_that_is_not_on_the_list_is_unsafe(path: Path) -> None:
    for name in ("evil.py", "../twin.tflite", "golden/../../x.png", "golden/x.svg"):
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(name, b"")
        with pytest.raises(UnsafeModelError):
            read_bundle(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_unsafe(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(TWIN, b"other")
    with pytest.raises(UnsafeModelError, match="distinct"):
        read_bundle(path)


def test_a_compressed_member_is_unsafe(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[TWIN] = bytes(50_000_000)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    assert path.stat().st_size < 10**6
    with pytest.raises(UnsafeModelError, match="compressed"):
        read_bundle(path)


def test_a_size_beyond_the_file_is_unsafe_before_anything_is_allocated(path: Path) -> None:
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02")  # the directory's entry for the manifest, the last member
    struct.pack_into("<II", data, at + 20, 2**31, 2**31)
    path.write_bytes(data)
    with pytest.raises(UnsafeModelError, match="more bytes than the file has"):
        read_bundle(path)


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_a_weight_that_is_not_finite_is_refused_by_name(tmp_path: Path, value: float) -> None:
    members = {**a_bundle().members, WEIGHTS: pack_weights({"a/b": np.array([value], np.float32)})}
    write_bundle(tmp_path / "x.sightline", replace(a_bundle(), members=members))
    with pytest.raises(ModelError, match="'a/b' holds NaN"):
        read_bundle(tmp_path / "x.sightline").weights()


def test_weights_that_are_no_tensors_are_refused(tmp_path: Path) -> None:
    members = {**a_bundle().members, WEIGHTS: struct.pack("<Q", 2**60) + b"{}"}
    write_bundle(tmp_path / "x.sightline", replace(a_bundle(), members=members))
    with pytest.raises(ModelError, match="not a valid safetensors file"):
        read_bundle(tmp_path / "x.sightline").weights()


@pytest.mark.parametrize(
    "value", [None, np.float32(-1), np.float32(np.inf), np.ones(3, np.float32)]
)
def test_a_temperature_that_is_none_is_refused(value: object) -> None:
    weights = {} if value is None else {TEMPERATURE: np.float32(value)}
    members = {**a_bundle().members, WEIGHTS: pack_weights(weights)}
    with pytest.raises(ModelError, match="temperature"):
        replace(a_bundle(), members=members).temperature()


@pytest.mark.parametrize(
    "line",
    [
        "[" * 100_000,
        '{"digest": [1], "labels": ["a"], "group": null, "split": "test", "name": "x"}',
        '{"digest": "1", "labels": "abc", "group": null, "split": "test", "name": "x"}',
        '{"digest": "1", "labels": ["a"], "group": null, "split": "test", "name": 5}',
    ],
)
def test_rows_of_another_kind_are_no_record(line: str) -> None:
    members = {**a_bundle().members, RECORD: line.encode()}
    with pytest.raises(ModelError, match="record of images is damaged"):
        replace(a_bundle(), members=members).record()


def test_a_record_that_is_none_is_refused(tmp_path: Path) -> None:
    members = {**a_bundle().members, RECORD: b'{"digest": 1}\n'}
    write_bundle(tmp_path / "x.sightline", replace(a_bundle(), members=members))
    with pytest.raises(ModelError, match="record of images"):
        read_bundle(tmp_path / "x.sightline").record()

"""The shard file: whole or refused, and readable by another program."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from sightline.batches import shard as module
from sightline.batches.shard import RowKind, read_shard, write_shard
from sightline.errors import MachineError
from sightline.files import sha256_bytes

KIND = RowKind(name="pixels", digest="ab" * 32, shape=(4, 3, 1), dtype="uint8")


def keys(count: int) -> list[str]:
    return [sha256_bytes(str(number).encode()) for number in range(count)]


def rows(kind: RowKind, count: int) -> np.ndarray:
    generator = np.random.default_rng(count)
    return (generator.random((count, *kind.shape)) * 256).astype(kind.dtype)


@settings(max_examples=30)
@given(
    count=st.integers(1, 20),
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple),
    dtype=st.sampled_from(["uint8", "float32"]),
    mapped=st.booleans(),
)
def test_reading_gives_what_was_written(tmp_path_factory, count, shape, dtype, mapped):
    path = tmp_path_factory.mktemp("shard") / "one.safetensors"
    kind = RowKind(name="features", digest="cd" * 32, shape=shape, dtype=dtype)
    given_rows = rows(kind, count)
    write_shard(path, kind, keys(count), given_rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_LEAST_MAPPED", 0 if mapped else 2**20)
        shard = read_shard(path, kind)
    assert isinstance(shard.rows, np.memmap) == mapped
    assert shard.keys == tuple(keys(count))
    np.testing.assert_array_equal(shard.rows, given_rows)
    assert shard.rows.dtype == given_rows.dtype and not shard.rows.flags.writeable
    assert path.stat().st_size <= kind.shard_bytes(count)


def test_safetensors_reads_it_too(tmp_path):
    write_shard(tmp_path / "s.safetensors", KIND, keys(5), rows(KIND, 5))
    tensors = load_file(tmp_path / "s.safetensors")
    np.testing.assert_array_equal(tensors["rows"], rows(KIND, 5))
    assert tensors["keys"][2].tobytes().hex() == keys(5)[2]


def test_every_truncation_and_an_extra_byte_are_refused(tmp_path):
    path = tmp_path / "s.safetensors"
    write_shard(path, KIND, keys(3), rows(KIND, 3))
    data = path.read_bytes()
    for damaged in [*(data[:length] for length in range(len(data))), data + b"\0"]:
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r".*"):
            read_shard(path, KIND)


@pytest.mark.parametrize(
    "other",
    [
        {"digest": "ef" * 32},
        {"name": "features"},
        {"shape": (3, 4, 1)},
        {"dtype": "float32"},
    ],
)
def test_rows_of_another_kind_are_refused(tmp_path, other):
    path = tmp_path / "s.safetensors"
    write_shard(path, KIND, keys(3), rows(KIND, 3))
    fields = {"name": KIND.name, "digest": KIND.digest, "shape": KIND.shape, "dtype": KIND.dtype}
    with pytest.raises(ValueError, match="other rows"):
        read_shard(path, RowKind(**{**fields, **other}))


@pytest.mark.parametrize(
    "header", [b"{}", b"[]", b'{"keys":{"shape":[true]}}', b"\xff", b"[" * 500]
)
def test_odd_headers_are_refused(tmp_path, header):
    path = tmp_path / "s.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ValueError, match=r".*"):
        read_shard(path, KIND)


def test_keys_must_fit_the_rows(tmp_path):
    for wrong in (keys(2), ["ab"] * 3):
        with pytest.raises(ValueError, match="keys"):
            write_shard(tmp_path / "s.safetensors", KIND, wrong, rows(KIND, 3))
    assert list(tmp_path.iterdir()) == []


def test_types_that_have_no_name_in_the_file_are_refused():
    with pytest.raises(ValueError, match="float64"):
        RowKind(name="x", digest="ab" * 32, shape=(1,), dtype="float64")


def test_a_missing_folder_is_one_error(tmp_path):
    with pytest.raises(MachineError):
        write_shard(tmp_path / "no" / "s.safetensors", KIND, keys(1), rows(KIND, 1))

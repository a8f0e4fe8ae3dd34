"""The cache: right rows always, whatever happens to the disk and to other processes."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.batches import cache as cache_module
from sightline.batches import store as store_module
from sightline.batches.cache import ArrayCache
from sightline.batches.shard import RowKind
from sightline.errors import ImageError
from sightline.files import sha256_bytes

KIND = RowKind(name="pixels", digest="ab" * 32, shape=(8, 8, 3), dtype="uint8")
OTHER = RowKind(name="pixels", digest="cd" * 32, shape=(8, 8, 3), dtype="uint8")


def key(number: int) -> str:
    return sha256_bytes(str(number).encode())


def row(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, KIND.shape, dtype=np.uint8)


class Images:
    """Numbered images that count how often they are computed."""

    def __init__(self, numbers: list[int] | range) -> None:
        self.numbers = list(numbers)
        self.keys = [key(number) for number in self.numbers]
        self.computed: list[int] = []

    def compute(self, indices: np.ndarray) -> np.ndarray:
        self.computed += [self.numbers[index] for index in indices]
        return np.stack([row(self.numbers[index]) for index in indices])

    def rows(self, cache: ArrayCache, kind: RowKind = KIND, **options):
        return cache.rows(kind, self.keys, self.compute, **options)

    @property
    def expected(self) -> np.ndarray:
        return np.stack([row(number) for number in self.numbers])


def shards(directory: Path) -> list[Path]:
    return sorted(directory.rglob("*.safetensors"))


def size(directory: Path) -> int:
    return sum(path.stat().st_size for path in shards(directory))


@pytest.fixture
def small_shards(monkeypatch) -> None:
    """Make shards of four rows."""
    monkeypatch.setattr(cache_module, "_SHARD_BYTES", 4 * KIND.row_bytes)
    monkeypatch.setattr(cache_module, "_MOST_SHARDS", 10**9)


def test_the_second_time_nothing_is_computed(tmp_path):
    first, second = Images(range(10)), Images(range(10))
    assert first.rows(ArrayCache(tmp_path)).on_disk == 10
    rows = second.rows(ArrayCache(tmp_path))
    assert first.computed == list(range(10)) and second.computed == []
    np.testing.assert_array_equal(rows[:], second.expected)
    assert (len(rows), rows.shape, rows.dtype) == (10, (10, 8, 8, 3), np.uint8)
    assert rows.notices == ()


def test_any_indices_in_any_order(tmp_path, small_shards):
    images = Images(range(11))
    rows = images.rows(ArrayCache(tmp_path))
    chosen = np.array([10, 0, 3, 3, 7])
    np.testing.assert_array_equal(rows[chosen], images.expected[chosen])
    np.testing.assert_array_equal(rows[2:9:3], images.expected[2:9:3])
    assert rows[np.array([], dtype=np.int64)].shape == (0, 8, 8, 3)
    taken = rows[:2]
    taken[:] = 0
    np.testing.assert_array_equal(rows[:2], images.expected[:2])


def test_only_what_is_new_is_computed(tmp_path):
    Images(range(5)).rows(ArrayCache(tmp_path))
    grown = Images([7, 3, 9, 0])
    rows = grown.rows(ArrayCache(tmp_path))
    assert grown.computed == [7, 9]
    np.testing.assert_array_equal(rows[:], grown.expected)


def test_copies_are_computed_once(tmp_path):
    images = Images([4, 5, 4, 4])
    rows = images.rows(ArrayCache(tmp_path))
    assert images.computed == [4, 5]
    np.testing.assert_array_equal(rows[:], images.expected)


def test_other_preprocessing_has_other_rows(tmp_path):
    Images(range(3)).rows(ArrayCache(tmp_path))
    again = Images(range(3))
    again.rows(ArrayCache(tmp_path), OTHER)
    assert again.computed == [0, 1, 2]


@settings(max_examples=40, deadline=None)
@given(
    sets=st.lists(st.lists(st.integers(0, 12), max_size=9), min_size=1, max_size=4),
    disk=st.sampled_from([None, 0, 1, 700, 2000, 5000]),
    memory=st.sampled_from([0, 400, 10_000]),
)
def test_rows_are_right_whatever_has_room(tmp_path_factory, sets, disk, memory):
    directory = tmp_path_factory.mktemp("cache")
    for numbers in sets:
        images = Images(numbers)
        rows = images.rows(ArrayCache(directory, limit_bytes=disk, memory_bytes=memory))
        assert rows.on_disk + rows.in_memory + rows.streamed == len(numbers)
        assert bool(rows.notices) == bool(rows.streamed)
        if numbers:
            np.testing.assert_array_equal(rows[:], images.expected)
        if disk is not None:
            assert size(directory) <= disk


def test_progress_counts_up_to_its_total(tmp_path, small_shards):
    Images(range(3)).rows(ArrayCache(tmp_path))
    seen: list[tuple[int, int]] = []
    Images(range(12)).rows(ArrayCache(tmp_path), progress=lambda *pair: seen.append(pair))
    assert seen == [(3, 12), (7, 12), (11, 12), (12, 12)]


def test_progress_counts_only_the_rows_that_were_asked_for(tmp_path):
    cache, seen = ArrayCache(tmp_path), []
    Images(range(20)).rows(cache)
    Images(range(5)).rows(cache, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(5, 5)]


def test_the_least_recently_used_shard_goes_first(tmp_path):
    kinds = [
        RowKind(name="pixels", digest=letter * 64, shape=KIND.shape, dtype="uint8")
        for letter in "123"
    ]
    for kind in kinds:
        Images(range(4)).rows(ArrayCache(tmp_path, limit_bytes=10**6), kind)
    oldest, middle, newest = shards(tmp_path)  # in the order of their folders' names
    for age, path in enumerate((oldest, middle, newest)):
        os.utime(path, (1000 + age, 1000 + age))
    limit = size(tmp_path)
    cache = ArrayCache(tmp_path, limit_bytes=limit)
    again = Images(range(4))
    again.rows(cache, kinds[0])
    assert again.computed == []  # used now, so no longer the oldest
    assert Images([50]).rows(cache).on_disk == 1
    assert oldest.exists() and newest.exists() and not middle.exists()
    assert size(tmp_path) <= limit


def test_rows_in_use_are_never_evicted_for_new_ones(tmp_path):
    # An eighth of this limit holds one row, and two such shards fit.
    limit = 2 * KIND.shard_bytes(1) + 500
    images = Images(range(12))
    rows = images.rows(ArrayCache(tmp_path, limit_bytes=limit, memory_bytes=0))
    assert (rows.on_disk, rows.streamed) == (2, 10)
    assert "10 of 12 rows" in rows.notices[0]
    images.computed.clear()
    np.testing.assert_array_equal(rows[:], images.expected)
    assert images.computed == list(range(2, 12))


def test_evicted_rows_stay_readable_for_who_has_them(tmp_path, monkeypatch):
    monkeypatch.setattr("sightline.batches.shard._LEAST_MAPPED", 0)
    images = Images(range(6))
    rows = images.rows(ArrayCache(tmp_path))
    shutil.rmtree(tmp_path)
    np.testing.assert_array_equal(rows[:], images.expected)


def test_memory_is_used_without_a_folder():
    images = Images(range(6))
    rows = images.rows(ArrayCache(None))
    assert (rows.in_memory, rows.on_disk, rows.streamed) == (6, 0, 0)
    images.computed.clear()
    np.testing.assert_array_equal(rows[:], images.expected)
    assert images.computed == []


def test_the_default_limit_is_a_quarter_of_what_would_be_free(tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 4000})
    monkeypatch.setattr(store_module.shutil, "disk_usage", lambda path: usage)
    store = store_module.ShardStore(tmp_path / "new")
    assert store.limit() == 1000
    usage.free = 10**12
    assert store.limit() == 20 * 10**9


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_means_no_cache(tmp_path, monkeypatch, number):
    def full(*arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("sightline.files.atomic.os.fsync", full)
    images = Images(range(6))
    rows = images.rows(ArrayCache(tmp_path))
    np.testing.assert_array_equal(rows[:], images.expected)
    assert (rows.on_disk, rows.in_memory) == (0, 6)
    assert "No room on the disk" in rows.notices[0]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["lock"]


def test_the_last_free_bytes_are_left_to_others(tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 100 * 2**20})
    monkeypatch.setattr(store_module.shutil, "disk_usage", lambda path: usage)
    rows = Images(range(6)).rows(ArrayCache(tmp_path))
    assert rows.on_disk == 0 and rows.notices


def test_a_file_size_limit_means_no_cache(tmp_path):
    script = """
        import resource, sys
        from pathlib import Path
        from tests.batches.test_cache import *
        resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))
        images = Images(range(6))
        rows = images.rows(ArrayCache(Path(sys.argv[1])))
        assert (rows[:] == images.expected).all()
        print(rows.on_disk, rows.in_memory, rows.notices)
    """
    printed = python(script, tmp_path)
    assert printed.startswith("0 6 ('The cache is not used any more in this run: No room")
    assert shards(tmp_path) == []


def test_a_read_only_folder_still_gives_what_it_holds(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    Images(range(3)).rows(ArrayCache(tmp_path))
    for name in ("lock", "os.utime"):  # chmod would not stop root
        monkeypatch.setattr(f"sightline.batches.store.{name}", refuse)
    images = Images(range(5))
    rows = images.rows(ArrayCache(tmp_path))
    assert images.computed == [3, 4] and rows.on_disk == 3
    assert "Read-only file system" in rows.notices[0]
    np.testing.assert_array_equal(rows[:], images.expected)


@pytest.mark.parametrize("limit", [None, 10**6])
def test_a_folder_that_cannot_be_made_means_no_cache(tmp_path, limit):
    (tmp_path / "file").write_text("in the way")
    images = Images(range(3))
    rows = images.rows(ArrayCache(tmp_path / "file" / "cache", limit_bytes=limit))
    np.testing.assert_array_equal(rows[:], images.expected)
    assert rows.in_memory == 3 and rows.notices


def test_damaged_shards_are_removed_and_made_again(tmp_path):
    Images(range(4)).rows(ArrayCache(tmp_path))
    (path,) = shards(tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    images = Images(range(4))
    np.testing.assert_array_equal(images.rows(ArrayCache(tmp_path))[:], images.expected)
    assert images.computed == [0, 1, 2, 3]
    assert path not in shards(tmp_path)


def test_an_error_passes_through_and_keeps_what_was_done(tmp_path, monkeypatch):
    monkeypatch.setattr(cache_module, "_FIRST_STEP", 2)
    monkeypatch.setattr(cache_module, "_SHORT_SECONDS", 0)
    images = Images(range(7))
    whole = images.compute

    def compute(indices: np.ndarray) -> np.ndarray:
        if 5 in indices:
            raise ImageError("photo 5 is broken", code="truncated")
        return whole(indices)

    with pytest.raises(ImageError, match="photo 5"):
        ArrayCache(tmp_path).rows(KIND, images.keys, compute)
    images.computed.clear()
    images.rows(ArrayCache(tmp_path))
    assert images.computed == [4, 5, 6]


def test_cheap_rows_are_asked_for_in_ever_larger_steps(tmp_path):
    sizes: list[int] = []
    images = Images(range(1000))

    def compute(indices: np.ndarray) -> np.ndarray:
        sizes.append(len(indices))
        return images.compute(indices)

    ArrayCache(tmp_path).rows(KIND, images.keys, compute)
    assert sizes[:3] == [64, 128, 256] and sum(sizes) == 1000


def test_rows_of_a_wrong_shape_are_an_error():
    images = Images(range(3))
    with pytest.raises(ValueError, match="instead of"):
        ArrayCache(None).rows(KIND, images.keys, lambda indices: row(0)[None])


def test_threads_may_fill_and_take_at_once(tmp_path, small_shards):
    failures: list[BaseException] = []

    def use(start: int) -> None:
        try:
            images = Images(range(start, start + 10))
            rows = images.rows(ArrayCache(tmp_path, limit_bytes=6 * KIND.shard_bytes(4)))
            np.testing.assert_array_equal(rows[:], images.expected)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=use, args=(start,)) for start in (0, 5, 10, 15, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert size(tmp_path) <= 6 * KIND.shard_bytes(4)


def test_processes_share_a_folder(tmp_path):
    script = """
        import sys
        from pathlib import Path
        from tests.batches.test_cache import *
        for start in range(0, 30, 3):
            images = Images(range(start, start + 8))
            cache = ArrayCache(Path(sys.argv[1]), limit_bytes=5000)
            assert (images.rows(cache)[:] == images.expected).all()
    """
    running = [start_python(script, tmp_path) for _ in range(3)]
    for process in running:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert size(tmp_path) <= 5000


@pytest.mark.parametrize("moment", ["write", "fsync", "replace"])
def test_a_kill_while_writing_leaves_nothing_to_be_believed(tmp_path, moment):
    script = f"""
        import os, sys, time
        from pathlib import Path
        import sightline.files.atomic as atomic
        from tests.batches.test_cache import *

        Images(range(4)).rows(ArrayCache(Path(sys.argv[1])))

        def wait(*arguments):
            print("now", flush=True)
            time.sleep(60)

        if {moment!r} == "write":
            class Half:
                def __init__(self, stream): self.stream = stream
                def __enter__(self): self.stream.__enter__(); return self
                def __exit__(self, *kind): return self.stream.__exit__(*kind)
                def write(self, data):
                    self.stream.write(bytes(data)[: len(bytes(data)) // 2])
                    self.stream.flush()
                    if len(data) > 500: wait()
            atomic.open = lambda *a, **k: Half(open(*a, **k))
        else:
            setattr(atomic.os, {moment!r}, wait)
        Images(range(12)).rows(ArrayCache(Path(sys.argv[1])))
    """
    process = start_python(script, tmp_path)
    assert process.stdout.readline() == "now\n"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    left = [path for path in tmp_path.rglob("*.tmp")]
    assert len(left) == 1 and len(shards(tmp_path)) == 1
    images = Images(range(12))
    rows = images.rows(ArrayCache(tmp_path))
    np.testing.assert_array_equal(rows[:], images.expected)
    assert images.computed == list(range(4, 12))
    assert list(tmp_path.rglob("*.tmp")) == []  # what the dead process left is gone


def start_python(script: str, directory: Path) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    paths = os.pathsep.join([str(root), str(root / "src")])
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(directory)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": paths},
    )


def python(script: str, directory: Path) -> str:
    process = start_python(script, directory)
    printed, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return printed

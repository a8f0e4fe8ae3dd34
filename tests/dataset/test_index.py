from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sightline.dataset import Content, ContentIndex, Dataset, index
from sightline.dataset.content import read_content, read_contents
from sightline.errors import ImageError
from sightline.images import BytesSource, FileSource


@pytest.fixture
def photos(fill) -> Dataset:
    return Dataset.from_folder(
        fill({f"{label}/{i}.png": f"{label}{i}" for label in ("cat", "dog") for i in range(5)})
    )


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the images that are really read."""
    names: list[str] = []

    def counting(sources):
        names.extend(source.name for source in sources)
        return read_contents(sources)

    monkeypatch.setattr(index, "read_contents", counting)
    return names


def test_contents_are_aligned_with_rows_and_read_once(photos, reads, tmp_path):
    own = ContentIndex(tmp_path / "index.sqlite3")
    first = photos.contents(index=own)
    assert [one.digest for one in first] == [read_content(r.source).digest for r in photos]
    assert all(one.ok and one.header.width == 24 and one.perceptual_hash for one in first)
    assert sorted(reads) == sorted(photos.names)
    reads.clear()
    assert photos.contents(index=ContentIndex(tmp_path / "index.sqlite3")) == first
    assert reads == [] and own.notices == ()


def test_the_default_index_is_in_the_cache_directory(photos, reads, cache):
    photos.contents()
    reads.clear()
    photos.contents()
    assert reads == [] and [path.suffix for path in cache.iterdir()] == [".sqlite3"]


@pytest.mark.parametrize("change", ["content", "touch", "replace", "mode"])
def test_a_file_that_may_have_changed_is_read_again(photos, reads, change):
    photos.contents()
    reads.clear()
    path, other = photos.rows[0].source.path, photos.rows[1].source.path
    status = path.stat()
    if change == "content":
        data = bytearray(path.read_bytes())
        data[-20] ^= 1
        path.write_bytes(data)
        # Size and time as before: only the change time tells.
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif change == "touch":
        os.utime(path)
    elif change == "replace":
        path.with_suffix(".tmp").write_bytes(other.read_bytes())
        path.with_suffix(".tmp").replace(path)
    else:
        path.chmod(0o640)
    again = photos.contents()
    assert reads == [photos.names[0]]
    assert (again[0].digest == again[1].digest) is (change == "replace")


def test_a_file_that_changes_while_it_is_read_is_not_remembered(photos, reads, monkeypatch):
    counting = index.read_contents

    def changing(sources):
        contents = read_contents(sources)
        for source in sources:
            os.utime(source.path)
        return contents

    monkeypatch.setattr(index, "read_contents", changing)
    photos.contents()
    monkeypatch.setattr(index, "read_contents", counting)
    photos.contents()
    assert len(reads) == len(photos)


def test_errors_are_remembered_if_they_are_of_the_bytes(photos, reads):
    first, second = photos.rows[0].source.path, photos.rows[1].source.path
    first.write_bytes(first.read_bytes()[:60])
    second.unlink()
    for _ in range(2):
        reads.clear()
        contents = photos.contents()
        assert contents[0].error is not None and contents[0].error.code == "truncated"
        assert contents[0].digest and contents[0].error.fix
        assert contents[1].error is not None and contents[1].error.code == "unreadable"
        assert contents[1].digest == ""
    # What is missing now may be there the next time.
    assert reads == [photos.names[1]]


def test_progress_counts_what_was_remembered(photos, tmp_path):
    own = ContentIndex(tmp_path / "index.sqlite3")
    seen: list[tuple[int, int]] = []
    photos.contents(index=own, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i, 10) for i in range(11)]
    seen.clear()
    photos.contents(index=own, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(10, 10)]


def test_sources_in_memory_are_not_remembered(cache):
    source = BytesSource(b"x", "bytes")
    (content,) = ContentIndex.default().contents([source])
    assert content.error is not None and content.error.code == "not_an_image"
    with sqlite3.connect(next(cache.glob("*.sqlite3"))) as connection:
        assert connection.execute("SELECT count(*) FROM contents").fetchone() == (0,)
    connection.close()


def test_no_index_remembers_nothing(photos, reads):
    for _ in range(2):
        photos.contents(index=ContentIndex(None))
    assert len(reads) == 20


def test_an_interrupted_pass_keeps_what_it_did(photos, reads, tmp_path):
    def stop(done, total):
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        photos.contents(index=ContentIndex(tmp_path / "i.sqlite3"), progress=stop, workers=1)
    reads.clear()
    photos.contents(index=ContentIndex(tmp_path / "i.sqlite3"))
    assert len(reads) == 4


@pytest.mark.parametrize("damage", [b"not a database at all", None])
def test_a_damaged_index_is_rebuilt_with_a_notice(photos, tmp_path, damage, caplog):
    path = tmp_path / "index.sqlite3"
    first = photos.contents(index=ContentIndex(path))
    data = bytearray(path.read_bytes())
    if damage is None:
        # The header stays sound: the damage is met only when a page is read.
        data[4096:] = bytes([0xA5]) * (len(data) - 4096)
        damage = bytes(data)
    path.write_bytes(damage)
    own = ContentIndex(path)
    assert photos.contents(index=own) == first
    assert [notice.check for notice in own.notices] == ["index_rebuilt"]
    assert "was damaged" in caplog.text
    again = ContentIndex(path)
    assert photos.contents(index=again) == first and again.notices == ()


def test_a_nonsense_entry_is_read_anew(photos, reads, tmp_path):
    path = tmp_path / "index.sqlite3"
    first = photos.contents(index=ContentIndex(path))
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE contents SET content = '[1]'")
    connection.close()
    reads.clear()
    assert photos.contents(index=ContentIndex(path)) == first
    assert len(reads) == 10


def test_an_index_that_cannot_be_written_costs_time_only(photos, tmp_path):
    for path in (tmp_path / "no" / "such.sqlite3", tmp_path):
        own = ContentIndex(path)
        assert len(photos.contents(index=own)) == 10
        assert [notice.check for notice in own.notices] == ["index_off"]


def test_a_locked_index_costs_time_only(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(index, "_BUSY_SECONDS", 0.1)
    path = tmp_path / "index.sqlite3"
    photos.contents(index=ContentIndex(path))
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    own = ContentIndex(path)
    assert all(content.ok for content in photos.contents(index=own))
    assert "locked" in own.notices[0].message
    holder.close()


def test_another_decoder_reads_again(photos, reads, monkeypatch):
    photos.contents()
    reads.clear()
    index._reader_version.cache_clear()
    monkeypatch.setattr(index, "decoder_version", lambda: "another")
    try:
        photos.contents()
    finally:
        index._reader_version.cache_clear()
    assert len(reads) == 10


def test_threads_may_share_an_index(photos, tmp_path):
    expected = photos.contents(index=ContentIndex(None))
    results: list[tuple[Content, ...]] = []
    path = tmp_path / "index.sqlite3"
    threads = [
        threading.Thread(target=lambda: results.append(photos.contents(index=ContentIndex(path))))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 4


SLOW = """
import sys, time
from pathlib import Path
from sightline.dataset import ContentIndex, Dataset, index
from sightline.dataset.content import read_contents
index._BATCH = 1
def slowly(sources):
    time.sleep(0.05 * len(sources))
    return read_contents(sources)
index.read_contents = slowly
found = ContentIndex(Path(sys.argv[2])).contents(
    [row.source for row in Dataset.from_folder(sys.argv[1])],
    workers=1, progress=lambda done, total: print(done, flush=True))
"""


def test_processes_may_share_an_index_and_be_killed(photos, reads, tmp_path):
    path = tmp_path / "index.sqlite3"
    command = [sys.executable, "-c", SLOW, str(photos.root), str(path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    killed, other = running
    for line in killed.stdout:
        if int(line) >= 4:
            break
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert other.communicate(timeout=60) and other.returncode == 0
    own = ContentIndex(path)
    assert all(content.ok for content in photos.contents(index=own))
    assert reads == [] and own.notices == ()


def test_a_pipe_that_took_a_file_s_place_does_not_hang(photos):
    path = photos.rows[0].source.path
    path.unlink()
    os.mkfifo(path)
    start = time.monotonic()
    error = photos.contents()[0].error
    assert isinstance(error, ImageError) and error.code == "unsafe_path"
    assert time.monotonic() - start < 10


def test_memory_is_bounded_by_the_workers(tmp_path, monkeypatch):
    open_now: list[int] = []
    most = 0

    def reading(sources):
        nonlocal most
        open_now.append(1)
        most = max(most, len(open_now))
        open_now.pop()
        return [Content(digest="d", size=1)] * len(sources)

    monkeypatch.setattr(index, "read_contents", reading)
    sources = [FileSource(Path(f"/nowhere/{i}"), str(i)) for i in range(50)]
    assert len(ContentIndex(None).contents(sources, workers=2)) == 50
    assert most <= 2

"""Sources: whatever holds an image."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightline.errors import ConfigError, ImageError
from sightline.images import (
    ArraySource,
    FileSource,
    Limits,
    Preprocessing,
    as_source,
    load,
)
from tests.images.pictures import encoded, exif, noise, smooth

SAME_SIZE = Preprocessing(height=6, width=5)


def _code(source: object) -> str:
    with pytest.raises(ImageError) as caught:
        load(source, Preprocessing())  # type: ignore[arg-type]
    return caught.value.code


def test_whatever_holds_an_image_gives_the_same_pixels(tmp_path: Path) -> None:
    pixels = noise(6, 5)
    data = encoded(pixels, "PNG")
    path = tmp_path / "photo.png"
    path.write_bytes(data)
    things = (path, str(path), data, bytearray(data), Image.fromarray(pixels), pixels)
    for thing in (*things, Image.open(io.BytesIO(data))):
        source = as_source(thing)
        np.testing.assert_array_equal(load(source, SAME_SIZE).pixels, pixels)
        # And once more through bytes, as an index of content reads every source.
        np.testing.assert_array_equal(load(as_source(source.read()), SAME_SIZE).pixels, pixels)
        assert as_source(source) is source


def test_names() -> None:
    assert as_source("a/b.jpg").name == "a/b.jpg"
    assert as_source(Path("a/b.jpg"), name="b").name == "b"
    assert as_source(b"", name="upload").name == "upload"
    assert isinstance(as_source("a/b.jpg"), FileSource)


def test_a_pillow_image_is_turned_by_its_exif() -> None:
    upright = smooth(60, 40)
    stored = Image.fromarray(upright).transpose(Image.Transpose.ROTATE_90)
    opened = Image.open(io.BytesIO(encoded(stored, "PNG", exif=exif(6))))
    source = as_source(opened)
    loaded = load(source, Preprocessing(height=60, width=40))
    np.testing.assert_array_equal(loaded.pixels, upright)
    assert loaded.notes == ("exif_rotated",)
    assert (loaded.header.format, loaded.header.mode) == ("PIXELS", "RGB")


def test_a_pillow_image_keeps_its_alpha_for_the_background() -> None:
    clear = Image.new("RGBA", (5, 6), (1, 2, 3, 0))
    record = Preprocessing(height=6, width=5, background=(7, 8, 9))
    assert (load(as_source(clear), record).pixels == [7, 8, 9]).all()


def test_a_sixteen_bit_pillow_image_is_scaled() -> None:
    image = Image.fromarray(np.full((6, 5), 0x80FF, np.uint16))
    loaded = load(as_source(image), SAME_SIZE)
    assert (loaded.pixels == 128).all()
    assert loaded.notes == ("sixteen_bit_reduced",)


def test_a_closed_pillow_image_is_one_typed_error() -> None:
    closed = Image.open(io.BytesIO(encoded(noise(3, 3), "PNG")))
    closed.close()
    with pytest.raises(ImageError):
        as_source(closed)


def test_a_pillow_image_that_cannot_be_loaded_is_one_typed_error() -> None:
    broken = Image.open(io.BytesIO(encoded(noise(30, 30), "PNG")[:500]))
    with pytest.raises(ImageError) as caught:
        as_source(broken, name="half")
    assert caught.value.code == "corrupt"


@pytest.mark.parametrize("thing", [None, 3, io.BytesIO(b""), ["a.jpg"], object()])
def test_other_things_are_refused(thing: object) -> None:
    with pytest.raises(ConfigError):
        as_source(thing)  # type: ignore[call-overload]


def test_arrays_are_checked_at_once() -> None:
    with pytest.raises(ImageError):
        as_source(np.zeros((4, 4, 3), np.float32))


def test_unreadable_files_say_why(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="ENOENT") as caught:
        load(as_source(tmp_path / "gone.jpg"), Preprocessing())
    assert caught.value.code == "unreadable"
    assert "gone.jpg" in caught.value.what
    assert _code(as_source(tmp_path / "a" / ("x" * 300))) == "unreadable"
    assert _code(as_source("nul\0byte.jpg")) == "unreadable"


def test_pipes_devices_and_folders_are_refused_without_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, Path("/dev/zero")):
        assert _code(as_source(path)) == "unsafe_path"


def test_a_link_in_a_circle_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert _code(as_source(tmp_path / "a")) == "unreadable"


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    with open(path, "wb") as stream:
        stream.truncate(10**13)
    assert _code(as_source(path)) == "too_many_bytes"
    small = tmp_path / "small.png"
    small.write_bytes(encoded(noise(6, 5), "PNG"))
    with pytest.raises(ImageError) as caught:
        load(as_source(small), SAME_SIZE, limits=Limits(max_bytes=50))
    assert caught.value.code == "too_many_bytes"


def test_errors_begin_with_the_name_fit_for_a_terminal(tmp_path: Path) -> None:
    path = tmp_path / "evil\n\x1b[31m.jpg"
    path.write_bytes(b"")
    with pytest.raises(ImageError) as caught:
        load(as_source(path, name="evil\n\x1b[31m.jpg"), Preprocessing())
    assert caught.value.what.startswith("evil\\n\\x1b[31m.jpg: ")
    assert caught.value.code == "empty_file"
    assert caught.value.details["name"] == "evil\\n\\x1b[31m.jpg"


def test_arrays_have_a_header() -> None:
    loaded = load(ArraySource(noise(6, 5, 1), "a"), SAME_SIZE)
    header = loaded.header
    assert (header.height, header.width, header.mode, header.frames) == (6, 5, "L", 1)

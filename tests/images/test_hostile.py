"""Files that were made to break decoders, in a process of their own: memory and time bounded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sightline.images import CODES

_ROOT = Path(__file__).parents[2]


def _run(paths: list[Path], *, limit_mib: int, options: tuple[str, ...] = ()) -> list[Any]:
    """Decode `paths` in one process that may grow by `limit_mib`; return its answers."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.images.hostile", str(limit_mib), *options],
        input="".join(f"{path}\n" for path in paths),
        capture_output=True,
        text=True,
        cwd=_ROOT,
        env={"PYTHONPATH": str(_ROOT / "src"), "PATH": ""},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["path"] for answer in answers] == [str(path) for path in paths]
    return answers


@pytest.fixture(scope="module")
def outcomes(shared: Path) -> dict[str, Any]:
    """Return the outcome of each file of the collection by its name in there."""
    folder = shared / "data" / "badimages"
    listed = (folder / "MANIFEST.tsv").read_text().splitlines()[1:]
    names = [line.split("\t")[0] for line in listed]
    assert len(names) == 413
    answers = _run([folder / name for name in names], limit_mib=400)
    return dict(zip(names, answers, strict=True))


@pytest.mark.shared
def test_every_bad_image_gives_pixels_or_one_typed_error(outcomes: dict[str, Any]) -> None:
    for name, answer in outcomes.items():
        assert answer["code"] == "ok" or answer["code"] in CODES, name
        assert answer["seconds"] < 5, name
    assert sum(answer["code"] == "ok" for answer in outcomes.values()) >= 320


@pytest.mark.shared
def test_bad_images_are_refused_for_the_right_reason(outcomes: dict[str, Any]) -> None:
    expected = {
        "made/bomb_20000x20000_1bit.png": "too_many_pixels",
        "made/bomb_header_60000x60000.png": "too_many_pixels",
        "made/header_only.jpg": "truncated",
        "made/html_as.png": "not_an_image",
        "made/nul_4096.png": "not_an_image",
        "made/text_as.jpg": "not_an_image",
        "made/truncated_10pct.jpg": "truncated",
        "made/truncated_99pct.jpg": "truncated",
        "made/zero_bytes.jpg": "empty_file",
        "pillow/hopper.Lab.tif": "unsupported_pixels",
        "pillow/avif/exif.avif": "unsupported_format",
        "pillow/broken_data_stream.png": "corrupt",
        "stb_pngsuite/iphone/iphone_bgwn6a08.png": "unsupported_format",
        "made/gif_named_as.png": "ok",
        "made/png_named_as.jpg": "ok",
        "made/webp_named_as.jpg": "ok",
        "made/one_pixel.png": "ok",
        "made/very_wide_2000x2.png": "ok",
        "made/progressive.jpg": "ok",
        "pillow/png_decompression_dos.png": "ok",
        "pillow/invalid-exif.jpg": "ok",
    }
    assert {name: outcomes[name]["code"] for name in expected} == expected
    for name, answer in outcomes.items():
        if name.startswith("stb_pngsuite/corrupt/"):
            assert answer["code"] in ("corrupt", "not_an_image"), name
        if name.startswith(("stb_pngsuite/primary/", "stb_pngsuite/16bit/", "exif_orientation/")):
            assert answer["code"] == "ok", name


@pytest.mark.shared
def test_what_was_done_to_odd_images_is_noted(outcomes: dict[str, Any]) -> None:
    for name, note in {
        "made/cmyk.jpg": "cmyk_converted",
        "made/grey.jpg": "grey_repeated",
        "made/trailing_junk.jpg": "trailing_bytes",
        "pillow/apng/delay.png": "first_frame_of_many",
        "pillow/frozenpond.mpo": "first_frame_of_many",
        "pillow/16bit.MM.deflate.tif": "sixteen_bit_reduced",
        "pillow/g4_orientation_6.tif": "exif_rotated",
        "pillow/hopper_orientation_5.webp": "exif_rotated",
        "pillow/invalid-exif.jpg": "metadata_ignored",
    }.items():
        assert note in outcomes[name]["notes"], name


@pytest.mark.shared
def test_eight_orientations_are_one_upright_picture(outcomes: dict[str, Any]) -> None:
    answers = [outcomes[f"exif_orientation/Landscape_{number}.jpg"] for number in range(1, 9)]
    assert {tuple(answer["shape"]) for answer in answers} == {(1200, 1800, 3)}
    thumbnails = np.array([answer["thumbnail"] for answer in answers])
    # Eight lossy files; a picture that lies on its side differs by a hundred.
    assert np.abs(thumbnails - thumbnails[0]).max() <= 8


def test_a_48_megapixel_jpeg_passes_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    # Grey, so that making it costs little; its full decode would still be 195 MB as RGB.
    gradient = Image.linear_gradient("L").resize((8064, 6048))
    gradient.save(path, quality=60)
    (scaled,) = _run([path], limit_mib=64, options=("at-least",))
    assert scaled["shape"] == [756, 1008, 3]
    (whole,) = _run([path], limit_mib=160)
    assert whole["shape"] == [3024, 4032, 3]
    assert "scaled_while_decoding" in whole["notes"]


def test_importing_the_layer_pulls_in_no_framework() -> None:
    code = (
        "import sys, sightline.images;"
        "print([m for m in sys.modules if m.split('.')[0] in"
        " ('tensorflow', 'keras', 'cv2', 'sklearn', 'matplotlib', 'pillow_heif')])"
    )
    environment = {"PYTHONPATH": str(_ROOT / "src"), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip() == "[]"

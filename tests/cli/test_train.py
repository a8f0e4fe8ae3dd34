"""What `train` refuses before TensorFlow, which takes seconds, is loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

# A module of this name that must not be loaded stands in for TensorFlow and Keras.
TRAP = "raise RuntimeError('loaded')"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for label in ("cat", "dog"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(4):
            path = tmp_path / "photos" / label / f"{number}.png"
            Image.new("RGB", (40, 40), (number * 50, 0, 90 * (label == "cat"))).save(path)
    (tmp_path / "there.sightline").touch()
    (tmp_path / "traps").mkdir()
    for name in ("tensorflow", "keras"):
        (tmp_path / "traps" / f"{name}.py").write_text(TRAP)
    return tmp_path / "photos"


def run(photos: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = (
        f"import sys; sys.path.insert(0, {str(photos.parent / 'traps')!r}); "
        "import sightline.cli as c; sys.exit(c.main())"
    )
    return subprocess.run(
        [sys.executable, "-c", program, "train", *words],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=photos.parent,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere",), "nowhere does not exist"),
        (("photos", "--effort", "fast"), "Unknown effort 'fast'"),
        (("photos", "--split", "70,15,15"), "Cannot split into train=70.0"),
        (("photos", "--save", "there.sightline"), "there.sightline"),
        (("photos", "--backbone", "mobilnet_v2"), "mobilnet_v2"),
        (("photos", "--aim", "f1[cta]"), "Did you mean 'cat'"),
        (("photos", "--require", "recall[cta]>=0.5"), "Did you mean 'cat'"),
        (("photos", "--max-error", "2"), "max_error is 2"),
        (("photos", "--class-weight", "cat"), "--class-weight is 'cat'"),
        (("photos", "--without", "outlier"), "--without outlier"),
    ],
)
def test_a_mistyped_word_is_answered_at_once(
    photos: Path, words: tuple[str, ...], message: str
) -> None:
    done = run(photos, *words)
    assert message in done.stderr
    assert done.returncode == 2
    assert "To do: " in done.stderr


def test_what_can_be_trained_meets_the_trap(photos: Path) -> None:
    done = run(photos, "photos", "--weights", "none")
    assert done.returncode == 1 and "loaded" in done.stderr

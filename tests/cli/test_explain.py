from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightline.cli import main
from sightline.dataset import write_digits

pytestmark = pytest.mark.train

NETWORK = (
    *("--weights", "none", "--effort", "quick", "--backbone", "tutorial_cnn"),
    *("--option", "filters=[4,8]", "--option", "dense_units=16"),
    *("--channels", "1", "--image-size", "16"),
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    write_digits(folder / "digits", per_class=20)
    words = ["train", str(folder / "digits"), *NETWORK, "--epochs", "2"]
    assert main([*words, "--save", str(folder / "digits.sightline")]) == 0
    return folder


@pytest.fixture(autouse=True)
def place(trained, tmp_path, monkeypatch) -> Path:
    """Return a folder with the model and three images, the working directory."""
    monkeypatch.chdir(tmp_path)
    Path("m.sightline").symlink_to(trained / "digits.sightline")
    for number in range(3):
        content = (trained / "digits" / str(number) / "digits_0001.png").read_bytes()
        Path(f"{number}.png").write_bytes(content)
    return tmp_path


def run(capsys, *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(["explain", "m.sightline", *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_one_image_is_one_picture(capsys):
    code, out, _ = run(capsys, "0.png")
    assert code == 0
    first, last = out.splitlines()
    assert first.startswith("0.png: ") and last == "why.png: 1 map, grad_cam"
    with Image.open("why.png") as picture, Image.open("0.png") as photo:
        assert picture.size == photo.size and picture.mode == "RGB"


def test_json(capsys, check_schema):
    Path("broken.png").write_bytes(b"hello")
    words = ("0.png", "broken.png", "1.png", "--method", "occlusion", "--class", "8", "--json")
    code, out, err = run(capsys, *words)
    assert code == 0
    document = json.loads(out)
    check_schema(document, "explain")
    assert [one["class"] for one in document["maps"]] == ["8", "8"]
    assert [one["code"] for one in document["failed"]] == ["not_an_image"]
    assert "broken.png" in err
    with Image.open("why.png") as picture:
        assert picture.width > 400


def test_the_check_is_told_and_decides_the_exit_code(capsys, check_schema, monkeypatch):
    code, out, _ = run(capsys, "0.png", "--sanity", "--json")
    document = json.loads(out)
    check_schema(document, "explain")
    assert code == (0 if document["maps"][0]["sanity"]["passed"] else 3)
    monkeypatch.setattr("sightline.explanation.sanity.LIKE", -1.0)
    code, out, err = run(capsys, "0.png", "--sanity", "--save", "again.png")
    assert code == 3
    assert "hardly depends on the weights" in out and "those of random models" in err
    assert Path("again.png").exists()


def test_a_folder_gets_a_picture_for_each_map(capsys):
    assert run(capsys, "0.png", "1.png", "--class", "3", "--class", "5", "--save", "maps")[0] == 0
    names = sorted(path.name for path in Path("maps").iterdir())
    assert names == ["0001_0_3.png", "0002_0_5.png", "0003_1_3.png", "0004_1_5.png"]
    code, _, err = run(capsys, "0.png", "--class", "3", "--save", "maps")
    assert code == 2 and "--overwrite" in err
    assert run(capsys, "0.png", "--class", "3", "--save", "maps", "--overwrite")[0] == 0


def test_the_values_of_one_map(capsys):
    assert run(capsys, "0.png", "--save", "why.npy", "--method", "occlusion")[0] == 0
    assert np.load("why.npy", allow_pickle=False).shape == (16, 16)
    code, _, err = run(capsys, "0.png", "1.png", "--save", "two.npy")
    assert code == 2 and "there are several" in err
    assert not Path("two.npy").exists()


def test_a_single_image_that_cannot_be_read_is_an_error(capsys):
    Path("broken.png").write_bytes(b"hello")
    code, _, err = run(capsys, "broken.png")
    assert code == 3
    assert "broken.png: The file is not an image" in err and "To do:" in err
    code, _, err = run(capsys, "broken.png", "broken.png")
    assert code == 3 and not Path("why.png").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--class", "33"], "The model has no class '33'."),
        (["--method", "gradcam"], "Did you mean 'grad_cam'?"),
        (["--method", "occlusion", "--option", "pach=3"], "Did you mean 'patch'?"),
        (["--method", "occlusion", "--option", "patch"], "NAME=VALUE"),
        (["--method", "integrated_gradients", "--option", "steps=0"], "from 1 to 4096"),
        (["--save", "why.jpg"], "use why.png"),
        (["--save", "nowhere/why.png"], "mkdir -p nowhere"),
        (["--save", "nowhere/maps"], "mkdir -p nowhere"),
        (["--save", "there.png"], "add --overwrite"),
    ],
)
def test_a_wrong_word_says_what_to_do_and_saves_nothing(capsys, words, message):
    Path("there.png").write_bytes(b"mine")
    code, out, err = run(capsys, "0.png", *words)
    assert (code, out) == (2, "") and message in err
    assert Path("there.png").read_bytes() == b"mine"
    assert not Path("why.png").exists()


def test_occlusion_needs_no_tensorflow(place):
    program = (
        "import sys, sightline.cli as c\n"
        "code = c.main(['explain', 'm.sightline', '0.png', '--method', 'occlusion'])\n"
        "print([n for n in ('tensorflow', 'keras', 'matplotlib') if n in sys.modules])\n"
        "raise SystemExit(code)"
    )
    child = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, cwd=place
    )
    assert child.returncode == 0, child.stderr
    assert child.stdout.splitlines()[-1] == "[]"
    assert Path("why.png").exists()


def test_without_tensorflow_the_method_is_occlusion_and_this_is_said(capsys, monkeypatch):
    monkeypatch.setattr("sightline.explanation.table.find_spec", lambda name: None)
    code, out, err = run(capsys, "0.png")
    assert code == 0
    assert "the method is occlusion" in err and out.splitlines()[-1].endswith("occlusion")

"""The folder with the page: proven in Node.js, then opened in a real browser as visitors do."""

from __future__ import annotations

import base64
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightline.errors import ModelError
from sightline.exporting import FORMATS, Export, export_bundle
from sightline.exporting.export import Material
from sightline.files import sha256_file
from sightline.images import preprocess
from sightline.inference import LiteRTRunner
from sightline.inference.chromium import WebPage, open_page
from sightline.inference.exported import open_export
from sightline.inference.web import open_web, page_reader
from sightline.models.bundle import Bundle
from sightline.verification import compare_files, runner_reader

from .javascript import need_chromium, need_packages
from .small import ARCHITECTURES, pictures, small_bundle

FORM = FORMATS["web"]
assert FORM.reading is not None
LIMITS = FORM.reading


@pytest.fixture(scope="module", autouse=True)
def packages() -> Path:
    return need_packages("litert")


def exported(bundle: Bundle, precision: str = "float32") -> Export:
    pixels = pictures(bundle, 6)
    material = Material(pixels=pixels, samples=lambda: iter(pixels))
    return export_bundle(bundle, FORM, FORM.precisions[precision], material)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_kind_of_model_is_proven_with_the_folders_own_modules(name: str) -> None:
    bundle = small_bundle(name)
    export = exported(bundle)
    assert export.proven is not None and export.proven.verification.passed
    expected, given = export.proven.answers
    assert given.probabilities == pytest.approx(expected.probabilities, abs=1e-5)
    assert given.distance == pytest.approx(expected.distance, abs=1e-5)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return small_bundle("three classes")


@pytest.fixture(scope="module")
def folder(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("web") / "a.web"
    exported(bundle).write(path)
    return path


@pytest.fixture(scope="module")
def page(folder: Path) -> Iterator[WebPage]:
    need_chromium()
    with open_page(folder) as opened:
        opened.check()
        yield opened


def test_the_folder_is_a_model_that_predicts(bundle: Bundle, folder: Path) -> None:
    pixels = pictures(bundle, 5, seed=3)
    given = open_export(folder, threads=1).run(pixels)
    expected = LiteRTRunner(bundle).run(pixels)
    assert given.probabilities == pytest.approx(expected.probabilities, abs=1e-5)
    (folder / "engine.js").rename(folder / "gone.js")
    try:
        with pytest.raises(ModelError, match="There is no"):
            open_export(folder)
        with pytest.raises(ModelError, match="no script of this version"):
            open_web(folder, {})
    finally:
        (folder / "gone.js").rename(folder / "engine.js")


@pytest.mark.parametrize("name", ["engine.js", "litert/litert_wasm_internal.js", "package.json"])
def test_a_strangers_script_is_not_run_though_its_card_vouches_for_it(
    folder: Path, tmp_path: Path, name: str
) -> None:
    other = tmp_path / "other.web"
    shutil.copytree(folder, other)
    hostile = f"require('fs').writeFileSync({str(tmp_path / 'done')!r}, 'done');\n"
    (other / name).write_text(hostile + (other / name).read_text())
    card = json.loads((other / "sightline.json").read_text())
    card["files"][name] = sha256_file(other / name)
    (other / "sightline.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match="not run outside of a browser"):
        open_export(other)
    assert not (tmp_path / "done").exists()


def test_a_visitors_browser_passes_the_self_check(page: WebPage) -> None:
    found = page.check()
    assert found["probability"] <= 1e-5 and found["png"] <= 1 and found["jpg"] <= 12
    assert page.browser.evaluate("document.getElementById('check').className") == "good"
    facts = page.browser.evaluate("document.getElementById('facts').textContent")
    assert "Classes (3)a, b, c" in facts and "on 6 images" in facts


def test_nothing_is_asked_of_other_servers(page: WebPage, folder: Path) -> None:
    origin = page.browser.evaluate("location.origin")
    assert len(page.browser.requests) > 10
    assert {one for one in page.browser.requests if not one.startswith(origin + "/")} == set()
    # And all that it needs is in the folder.
    for one in page.browser.requests:
        name = one.removeprefix(origin + "/") or "index.html"
        assert (folder / name).is_file(), name
    assert page.browser.console == []


@pytest.mark.parametrize("way", ["fetch(address)", "import(address)"])
def test_the_policy_forbids_other_servers(page: WebPage, way: str) -> None:
    """The control: something that tried would be stopped, and we would see it."""
    tried = f"(async (address) => {way}.then(() => 'came', () => 'refused'))"
    assert page.browser.evaluate(f"{tried}('https://example.org/a.js')") == "refused"
    assert any("Content Security Policy" in line for line in page.browser.console)
    page.browser.console.clear()


def photo(size: tuple[int, int], kind: str) -> bytes:
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (9, 12, 3), np.uint8))
    stream = io.BytesIO()
    small.resize(size, Image.Resampling.BICUBIC).save(stream, kind)
    return stream.getvalue()


def test_a_dropped_file_is_answered_and_a_broken_one_is_told(page: WebPage, bundle: Bundle) -> None:
    data = photo((90, 70), "PNG")
    shown = drop(page, data)
    expected = LiteRTRunner(bundle).run(preprocess(data, bundle.preprocessing).pixels[None])
    best = int(expected.probabilities[0].argmax())
    distance = expected.distance
    assert distance is not None
    unlike = distance[0] > 0.9
    assert shown["answer"] == ("Unlike the training data" if unlike else "abc"[best])
    assert shown["bars"][0].startswith("abc"[best])
    assert f"{100 * expected.probabilities[0, best]:.1f} %" in shown["bars"][0]
    assert float(shown["width"].removesuffix("%")) == pytest.approx(
        100 * expected.probabilities[0, best], abs=0.1
    )
    broken = drop(page, b"no image")
    assert "cannot be read" in broken["answer"]
    assert broken["bars"] == [], "an answer of another image"


def drop(page: WebPage, data: bytes) -> dict[str, object]:
    """Drop a file on the page as a visitor does, and return what it then shows."""
    text = base64.b64encode(data).decode()
    found: dict[str, object] = page.browser.evaluate(
        "(async () => { const answer = document.getElementById('answer');"
        " answer.textContent = '';"
        f" const bytes = Uint8Array.from(atob('{text}'), (one) => one.charCodeAt(0));"
        " const given = new DataTransfer(); given.items.add(new File([bytes], 'a.png'));"
        " document.dispatchEvent(new DragEvent('drop', {dataTransfer: given, cancelable: true}));"
        " while (answer.textContent === '') await new Promise((next) => setTimeout(next, 20));"
        " await new Promise((next) => setTimeout(next, 20));"
        " return { answer: answer.textContent,"
        " bars: [...document.querySelectorAll('#bars li')].map((one) => one.textContent),"
        " width: document.querySelector('#bars .bar')?.style.width }; })()"
    )
    return found


def test_files_are_read_as_ours(page: WebPage, bundle: Bundle) -> None:
    files = [
        *((f"golden {name}", data) for name, data in bundle.golden_files().items()),
        ("photo.jpg", photo((60, 45), "JPEG")),
        ("photo.webp", photo((60, 45), "WEBP")),
        ("none", b"no image"),
    ]
    ours = runner_reader(LiteRTRunner(bundle))
    proof = compare_files(ours, page_reader(page, bundle.preprocessing), files, tolerance=LIMITS)
    assert proof.passed and proof.n == len(files) - 1 and proof.refused == ()
    swapped = compare_files(
        ours,
        lambda given: [
            type(one)(pixels=None if one.pixels is None else one.pixels[..., ::-1],
                      refused=one.refused)
            for one in page_reader(page, bundle.preprocessing)(given)
        ],
        files,
        tolerance=LIMITS,
    )  # fmt: skip
    assert not swapped.passed


def test_a_page_that_was_tampered_with_says_so(folder: Path, tmp_path: Path) -> None:
    need_chromium()
    broken = tmp_path / "b.web"
    shutil.copytree(folder, broken)
    card = json.loads((broken / "sightline.json").read_text())
    card["preprocessing"]["fit"] = "squash"
    (broken / "sightline.json").write_text(json.dumps(card))
    with open_page(broken) as opened:
        found = opened.check()
        assert found["probability"] <= 1e-5 and found["png"] > 1
        assert opened.browser.evaluate("document.getElementById('check').className") == "bad"


def test_eight_bits_run_too(bundle: Bundle) -> None:
    export = exported(bundle, "dynamic")
    assert export.proven is not None and export.proven.verification.max_difference > 0
    assert len(export.files["model.tflite"]) < len(bundle.twin())

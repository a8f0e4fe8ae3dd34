"""The page in a real browser: Chromium, without a screen and without a network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sightline.reporting.page import REPORT, render_page

from .reading import Reader
from .samples import all_facts, some_pictures
from .test_render import hostile

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# No sandbox within a container; no name resolves, so that nothing could come from elsewhere.
WORDS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--log-level=0"),
)

Open = Callable[..., tuple[str, list[str]]]


@pytest.fixture
def open_page(tmp_path: Path) -> Open:
    """Return a function that opens a page and gives its elements and what the console says."""
    if CHROMIUM is None:
        pytest.skip("chromium is absent (apt-get install chromium)")

    def open_page(page: str, *words: str, at: str = "") -> tuple[str, list[str]]:
        path = tmp_path / "report.html"
        path.write_text(page, encoding="utf-8")
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        command = [CHROMIUM, *WORDS, profile, *(words or ("--dump-dom",)), path.as_uri() + at]
        child = subprocess.run(
            command,
            capture_output=True,
            timeout=120,
            env={**os.environ, "HOME": str(tmp_path)},
            check=False,
        )
        assert child.returncode == 0, child.stderr.decode(errors="replace")[-2000:]
        told = child.stderr.decode(errors="replace")
        return child.stdout.decode(errors="replace"), re.findall(r".*:CONSOLE.*", told)

    return open_page


@pytest.fixture(scope="module")
def page() -> str:
    facts = all_facts()
    return render_page(facts, pictures=some_pictures(facts))


def test_it_opens_from_disk_without_a_word_on_the_console(open_page: Open, page: str) -> None:
    document, console = open_page(page)
    assert console == []
    reader = Reader(document)
    assert [one["id"] for one in reader.all("section")] == list(REPORT.sections)
    assert reader.fetched == []
    # Our script ran, so the policy names its digest rightly: headings became buttons.
    assert len(reader.all("button")) > 10


def test_names_of_strangers_do_nothing(open_page: Open) -> None:
    facts = hostile()
    document, console = open_page(render_page(facts, pictures=some_pictures(facts)))
    assert console == []
    assert len(Reader(document).all("script")) == 1


@pytest.mark.parametrize(
    "intruder",
    [
        "<script>document.title = 'taken'</script>",
        "<img src=x onerror='document.title = `taken`'>",
        "<img src='https://example.org/pixel.png'>",
    ],
)
def test_a_browser_refuses_what_is_not_ours(open_page: Open, page: str, intruder: str) -> None:
    """The control: were a name ever markup, the policy would stop it, and we would see it."""
    document, console = open_page(page.replace("</main>", f"{intruder}</main>"))
    assert any("Content Security Policy" in line for line in console)
    assert "<title>taken" not in document


def test_a_click_in_the_matrix_opens_the_images(open_page: Open, page: str, tmp_path: Path) -> None:
    """The link is followed by the browser itself: no script has a part in it."""
    link = next(one["href"] for one in Reader(page).all("a") if one["href"].startswith("#cell-"))
    bare = page.replace("script-src", "x-none")
    opened = [
        [one for one in Reader(open_page(bare, at=at)[0]).all("details") if "open" in one]
        for at in ("", link)
    ]
    assert [len(some) for some in opened] == [0, 1]


def test_it_prints(open_page: Open, page: str, tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    open_page(page, f"--print-to-pdf={path}")
    assert path.read_bytes().startswith(b"%PDF")

"""Docs that can fail: the reference is current, and every snippet is run.

In README.md and docs/*.md each fenced `bash` or `python` block is run, in order, in one empty
directory for each document; the Python blocks of a document share their names. What a reader
does not see but a block needs stands in a comment before it:

    <!-- before
    cp -r "$SAMPLES" photos
    -->

`$SAMPLES` is a folder of a few labelled images. A block that cannot be run in a test says why,
in the comment directly before it: `<!-- not run: it needs the network -->`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    path for path in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))) if path.exists()
]
LANGUAGES = ("bash", "python")

BLOCK = re.compile(
    r"^<!--[ ](?P<word>not[ ]run:|before\b)(?P<comment>.*?)-->\n"
    r"|^```(?P<language>\w+)[^\n]*\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)

# Runs in a process of its own for each document: exec shares names between Python blocks.
DRIVER = """
import json, subprocess, sys
names = {"__name__": "__main__"}
for step in json.load(sys.stdin):
    print(f"--- line {step['line']}", flush=True)
    if step["language"] == "python":
        exec(compile("\\n" * step["line"] + step["code"], step["document"], "exec"), names)
    else:
        subprocess.run(["bash", "-euo", "pipefail", "-c", step["code"]], check=True)
"""


@dataclass(frozen=True)
class Step:
    document: str
    line: int
    language: str
    code: str
    hidden: bool = False


def steps(text: str, document: str) -> list[Step]:
    """Return what is to be run of a document, hidden preparations included.

    Raises:
        ValueError: A block is excused without a reason.
    """
    found, excuse = [], None
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if match["word"] == "not run:":
            if not match["comment"].strip():
                raise ValueError(f"{document}:{line}: no reason why the block is not run")
            excuse = match.end()
        elif match["word"]:
            found.append(Step(document, line, "bash", match["comment"], hidden=True))
        elif match["language"] in LANGUAGES and match.start() != excuse:
            found.append(Step(document, line, match["language"], match["code"]))
    return found


@pytest.fixture(scope="session")
def samples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples") / "photos"
    for name, colour in (("apples", (200, 30, 30)), ("limes", (60, 180, 60))):
        (folder / name).mkdir(parents=True)
        for number in range(12):
            pixels = Image.effect_noise((48, 40), 20 + number).convert("RGB")
            image = Image.blend(pixels, Image.new("RGB", pixels.size, colour), 0.6)
            image.save(folder / name / f"{number}.png")
    return folder


def run(todo: list[Step], folder: Path, samples: Path) -> subprocess.CompletedProcess[str]:
    commands = str(Path(sys.executable).parent)
    environment = os.environ | {
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "SAMPLES": str(samples),
        "SIGHTLINE_CACHE": str(folder / ".cache"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    return subprocess.run(
        [sys.executable, "-c", DRIVER],
        input=json.dumps([vars(step) for step in todo]),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
    )


@pytest.mark.train
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_snippet_runs(path, tmp_path, samples):
    todo = steps(path.read_text(), path.name)
    if not [step for step in todo if not step.hidden]:
        assert path.name != "README.md", "the README shows nothing that is run"
        return
    child = run(todo, tmp_path, samples)
    assert child.returncode == 0, f"{path.name}:\n{child.stdout}\n{child.stderr}"


def test_the_harness_fails_where_a_block_fails(tmp_path, samples):
    text = "```python\nx = 1\n```\n\n```python\nassert x == 2\n```\n"
    child = run(steps(text, "page.md"), tmp_path, samples)
    assert child.returncode != 0
    assert 'File "page.md", line 6' in child.stderr
    assert run(steps("```bash\nfalse | true\n```\n", "x"), tmp_path, samples).returncode != 0


def test_the_harness_runs_in_order_in_one_directory(tmp_path, samples):
    text = (
        '<!-- before\ncp -r "$SAMPLES" photos\n-->\n'
        "```bash\nls photos > list\n```\n"
        "```python\nnames = open('list').read().split()\n```\n"
        "<!-- not run: it needs the network -->\n```bash\nfalse\n```\n"
        "```text\nnot a language\n```\n"
        "```python\nassert names == ['apples', 'limes']\n```\n"
    )
    todo = steps(text, "page.md")
    assert [step.language for step in todo] == ["bash", "bash", "python", "python"]
    child = run(todo, tmp_path, samples)
    assert child.returncode == 0, child.stderr


def test_a_block_is_excused_only_with_a_reason_and_only_the_next():
    with pytest.raises(ValueError, match="page.md:1"):
        steps("<!-- not run: -->\n```bash\nfalse\n```\n", "page.md")
    text = "<!-- not run: slow -->\nwords\n```bash\nfalse\n```\n"
    assert [step.code for step in steps(text, "page.md")] == ["false\n"]


def test_the_command_reference_is_current():
    location = ROOT / "docs" / "generate_cli.py"
    spec = importlib.util.spec_from_file_location("generate_cli", location)
    generate_cli = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate_cli)
    assert generate_cli.PAGE.read_text() == generate_cli.page(), "run `make docs`"


def test_links_between_documents_lead_somewhere():
    for path in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text()):
            if "://" not in target:
                assert (path.parent / target).exists(), f"{path.name} links to {target}"

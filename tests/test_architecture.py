"""The laws of the house that a machine can check (docs/architecture.md).

import-linter checks who may import whom (`make check`, and here); the rest is checked here.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import sightline

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "sightline"
FILES = sorted(SOURCE.rglob("*.py"))

LONGEST_FUNCTION = 50
LONGEST_FILE = 400
MOST_ARGUMENTS = 7

# What may break a rule, and why. An entry that is no longer needed fails.
LONGER_FUNCTIONS: dict[str, str] = {}
LONGER_FILES: dict[str, str] = {}
# A command's arguments are its options: `cli/` is exempt as a whole, its options are a table.
MORE_ARGUMENTS: dict[str, str] = {}
# A package's own `__init__` and the edges import late, for start-up speed.
LATE_IMPORTS: dict[str, str] = {}
OPEN_KEYWORDS: dict[str, str] = {}

# Layers that run where TensorFlow is not installed, but for the modules that conftest.py lists.
TENSORFLOW_FREE = (
    "auditing",
    "cli",
    "compression",
    "dataset",
    "errors",
    "evaluation",
    "explanation",
    "exporting",
    "files",
    "images",
    "inference",
    "models",
    "predictions",
    "reporting",
    "verification",
)


def relative(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def functions(path: Path) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{relative(path)}:{node.name}", node


def lines_of_code(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines from the signature's end to the last, the docstring not counted."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return node.end_lineno - body[0].lineno + 1 if body else 0


def compare(found: set[str], allowed: dict[str, str]) -> None:
    assert sorted(found - set(allowed)) == []
    assert sorted(set(allowed) - found) == [], "no longer needed"


def test_functions_are_short():
    long = {
        name
        for path in FILES
        for name, node in functions(path)
        if lines_of_code(node) > LONGEST_FUNCTION
    }
    compare(long, LONGER_FUNCTIONS)


def test_files_are_short():
    long = {relative(path) for path in FILES if len(path.read_text().splitlines()) > LONGEST_FILE}
    compare(long, LONGER_FILES)


def test_functions_take_few_arguments():
    many = set()
    for path in FILES:
        if relative(path).startswith("cli/"):
            continue
        for name, node in functions(path):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            own = [a for a in arguments if a.arg not in ("self", "cls")]
            if len(own) > MOST_ARGUMENTS:
                many.add(name)
    compare(many, MORE_ARGUMENTS)


def test_no_keywords_into_the_dark():
    dark = {name for path in FILES for name, node in functions(path) if node.args.kwarg}
    compare(dark, OPEN_KEYWORDS)


def test_no_assertions():
    found = [
        f"{relative(path)}:{node.lineno}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assert)
    ]
    assert found == []


def test_no_imports_inside_functions():
    late = set()
    for path in FILES:
        if relative(path).startswith(("cli/", "server/")) or path.name == "__init__.py":
            continue
        for name, node in functions(path):
            if any(isinstance(inner, ast.Import | ast.ImportFrom) for inner in ast.walk(node)):
                late.add(name)
    compare(late, LATE_IMPORTS)


def test_libraries_never_print():
    found = [
        f"{relative(path)}:{node.lineno}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert found == []


def test_no_module_is_a_bag():
    names = {path.stem for path in FILES} | {path.parent.name for path in FILES}
    assert names & {"utils", "util", "common", "helpers", "misc", "core", "base"} == set()


def test_every_module_says_what_it_is():
    assert [relative(p) for p in FILES if not ast.get_docstring(ast.parse(p.read_text()))] == []


def test_every_test_file_mirrors_a_module():
    tests = Path(__file__).parent
    layers = {path.stem for path in SOURCE.iterdir()}
    strangers = [
        folder.name
        for folder in tests.iterdir()
        if folder.is_dir() and not folder.name.startswith((".", "_"))
        if folder.name not in layers | {"fixtures"}
    ]
    assert strangers == []


def test_public_names_resolve():
    for name in sightline.__all__:
        assert getattr(sightline, name) is not None
    assert set(sightline.__all__) <= set(dir(sightline))


def test_what_type_checkers_see_is_the_public_face():
    tree = ast.parse((SOURCE / "__init__.py").read_text())
    seen = {
        alias.asname
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen | {"__version__"} == set(sightline.__all__)


def test_an_unknown_public_name_suggests_the_near_one():
    with pytest.raises(AttributeError, match="no attribute 'Dataste'"):
        sightline.Dataste  # noqa: B018


def modules_without(needs_train: tuple[str, ...]) -> list[str]:
    names = []
    for layer in TENSORFLOW_FREE:
        name = f"sightline.{layer}"
        names.append(name)
        paths = getattr(importlib.import_module(name), "__path__", None)
        if paths is not None:
            names += [info.name for info in pkgutil.walk_packages(paths, f"{name}.")]
    return [name for name in names if not name.startswith(needs_train)]


def run_python(code: str) -> str:
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert child.returncode == 0, child.stderr
    return child.stdout


def test_tensorflow_free_modules_import_no_tensorflow(needs_train_extra):
    heavy = ("tensorflow", "keras", "cv2", "h5py", "sklearn", "matplotlib", "scipy")
    code = "import importlib, sys\n"
    code += f"for name in {modules_without(needs_train_extra)!r}: importlib.import_module(name)\n"
    code += f"print([name for name in {heavy!r} if name in sys.modules])"
    assert run_python(code).strip() == "[]"


def test_the_public_face_imports_nothing_until_asked():
    code = "import sys, sightline\n"
    code += "print(sorted(n for n in sys.modules if n.startswith(('sightline.', 'numpy'))))"
    assert run_python(code).strip() == "[]"


def test_help_imports_nothing_that_a_verb_needs():
    code = "import sys\nfrom sightline.cli import main\nmain(['--help'])\n"
    code += "names = ('numpy', 'PIL', 'tensorflow', 'ai_edge_litert', 'sightline.workflows')\n"
    code += "print([name for name in names if name in sys.modules])"
    assert run_python(code).splitlines()[-1] == "[]"


@pytest.mark.train
def test_imports_point_one_way():
    child = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert child.returncode == 0, child.stdout


def test_versions_are_pinned_without_naming_where_they_come_from():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    names = [line.partition("==")[0] for line in pins]
    assert all(line.count("==") == 1 and "/" not in line and "@" not in line for line in pins)
    assert names == sorted(set(names))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    for line in [*project["dependencies"], *extras]:
        name = line.partition(">=")[0]
        if not line.startswith(("sightline[", "tensorflow>=")):
            assert name in names, f"{name} is not pinned"

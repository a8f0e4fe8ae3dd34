"""Fixtures that every test may use, and two promises about what is run.

Real data: where `SIGHTLINE_SHARED` is set, a `shared` test may not be skipped.
Base install: with `SIGHTLINE_BASE_INSTALL=1` (`make test-run`) TensorFlow and all other
extras are absent; test files that import them are left out by name, every other runs.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Generator
from functools import cache
from pathlib import Path

import pytest

EXTRAS = frozenset(
    ("cv2", "h5py", "keras", "matplotlib", "scipy", "sklearn", "tensorboard", "tensorflow")
    + ("threadpoolctl", "pillow_heif", "pyarrow")
)
NEEDS_TRAIN = (
    "sightline.batches.augmenting",
    "sightline.batches.mixing",
    "sightline.batches.stream",
    "sightline.compression.channels",
    "sightline.compression.cutting",
    "sightline.compression.distillation",
    "sightline.compression.further",
    "sightline.compression.importance",
    "sightline.compression.layout",
    "sightline.compression.magnitude",
    "sightline.compression.quantization_aware",
    "sightline.conversion",
    "sightline.explanation.grad_cam",
    "sightline.explanation.integrated_gradients",
    "sightline.explanation.network",
    "sightline.inference.keras",
    "sightline.inference.ready_made",
    "sightline.models.build",
    "sightline.models.costs",
    "sightline.models.hdf5",
    "sightline.models.layers",
    "sightline.models.narrow",
    "sightline.models.parts",
    "sightline.models.pretrained",
    "sightline.models.quantized",
    "sightline.models.restore",
    "sightline.models.scratch",
    "sightline.models.weight",
    "sightline.testing",
    "sightline.training",
    "sightline.workflows.compress",
    "sightline.workflows.show",
    "sightline.workflows.finishing",
    "sightline.workflows.train",
)
BASE_INSTALL = os.environ.get("SIGHTLINE_BASE_INSTALL") == "1"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of real data and weights, or skip the test by name where it is absent."""
    folder = Path(os.environ.get("SIGHTLINE_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"real data absent: {folder} (set SIGHTLINE_SHARED)")
    return folder.resolve()


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what tests compute out of the user's cache, in child processes too."""
    os.environ["SIGHTLINE_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def needs_train_extra() -> tuple[str, ...]:
    """Return how the names of modules begin that the base install cannot import."""
    return NEEDS_TRAIN


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    demanded = "SIGHTLINE_SHARED" in os.environ and item.get_closest_marker("shared")
    if report.skipped and demanded and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped although SIGHTLINE_SHARED is set: {report.longrepr}"
    return report


@cache
def needs_train(path: Path) -> bool:
    """Return whether a test file imports what the base install lacks."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            if name.partition(".")[0] in EXTRAS or name.startswith(NEEDS_TRAIN):
                return True
    return False


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    if not BASE_INSTALL:
        return None
    fixtures = collection_path / "conftest.py"
    if fixtures.is_file() and needs_train(fixtures):
        return True
    is_test = collection_path.suffix == ".py" and collection_path.name.startswith("test_")
    return True if is_test and needs_train(collection_path) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not BASE_INSTALL:
        return
    left_out = [item for item in items if item.get_closest_marker("train")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_report_header() -> list[str]:
    if not BASE_INSTALL:
        return []
    tests = Path(__file__).parent
    names = [str(p.relative_to(tests)) for p in sorted(tests.rglob("test_*.py")) if needs_train(p)]
    return [f"base install; {len(names)} files need an extra: {', '.join(names)}"]

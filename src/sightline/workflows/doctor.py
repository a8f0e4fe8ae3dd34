"""What is installed, what is missing, and what to do about it.

Reads package metadata, `/proc` and folders; imports nothing that it reports on, so a broken
TensorFlow cannot break the report. With `deep` each package is imported in a child process.
It must never change the machine, and never fail for what it fails to find out.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from sightline import __version__, machine
from sightline.files import cache_directory, printable

Status = Literal["ok", "absent", "warning", "broken"]

_GIB = 2**30
_ROOM_WANTED = 2 * _GIB
_IMPORT_SECONDS = 180
_CPU_FEATURES = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "asimd")


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing that was looked at.

    Attributes:
        topic: What it belongs to: `"program"`, `"packages"`, `"machine"`, `"storage"` or
            `"imports"`.
        name: What it is.
        status: `"ok"`; `"absent"`, optional and not there; `"warning"`, works less well than it
            could; `"broken"`, required or contradictory.
        found: What was found, in words.
        fix: What to do, where something should be done.
    """

    topic: str
    name: str
    status: Status
    found: str
    fix: str | None = None


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """Everything that was looked at, in order."""

    items: tuple[Item, ...]

    @property
    def broken(self) -> tuple[Item, ...]:
        """The items without which Sightline does not work."""
        return tuple(item for item in self.items if item.status == "broken")

    def to_json(self) -> dict[str, Any]:
        """Return the diagnosis for `--json` (`reporting/schemas/doctor.json`)."""
        return {
            "schema": "doctor",
            "schema_version": "1.0",
            "healthy": not self.broken,
            "items": [asdict(item) for item in self.items],
        }


@dataclass(frozen=True, kw_only=True)
class Package:
    """A distribution that Sightline uses.

    Attributes:
        name: The distribution, as pip calls it.
        module: What is imported of it.
        minimum: The oldest version that will do.
        extra: The extra that brings it; empty for the base install, which is required.
        purpose: What it is for.
    """

    name: str
    module: str
    minimum: str
    extra: str
    purpose: str


def _package(name: str, module: str, minimum: str, extra: str, purpose: str) -> Package:
    return Package(name=name, module=module, minimum=minimum, extra=extra, purpose=purpose)


# Kept equal to pyproject.toml by tests/workflows/test_doctor.py.
PACKAGES = (
    _package("numpy", "numpy", "2.0", "", "arrays"),
    _package("pillow", "PIL", "12.2", "", "image decoding"),
    _package("ai-edge-litert", "ai_edge_litert.interpreter", "2.3", "", "running models"),
    _package("onnxruntime", "onnxruntime", "1.29", "", "running ONNX exports"),
    _package("flatbuffers", "flatbuffers", "24", "", "metadata of exports"),
    _package("safetensors", "safetensors", "0.6", "", "model files"),
    _package("typer", "typer", "0.29", "", "command line"),
    _package("rich", "rich", "14", "", "terminal"),
    _package("jinja2", "jinja2", "3.1", "", "reports"),
    _package("tensorflow-cpu", "tensorflow", "2.21", "train", "training"),
    _package("keras", "keras", "3.15", "train", "training"),
    _package("opencv-python-headless", "cv2", "4.12", "train", "augmentation"),
    _package("scikit-learn", "sklearn", "1.6", "train", "training"),
    _package("scipy", "scipy", "1.14", "train", "training"),
    _package("threadpoolctl", "threadpoolctl", "3.5", "train", "training"),
    _package("h5py", "h5py", "3.12", "train", "weight files"),
    _package("matplotlib", "matplotlib", "3.9", "train", "curves and pictures"),
    _package("tensorboard", "tensorboard", "2.20", "train", "training logs"),
    _package("onnx", "onnx", "1.19", "onnx", "ONNX exports"),
    _package("tf2onnx", "tf2onnx", "1.17", "onnx", "ONNX exports"),
    _package("openvino", "openvino", "2025.4", "openvino", "OpenVINO exports"),
    _package("ai-edge-quantizer", "ai_edge_quantizer", "0.10", "quantize", "fewer bits"),
    _package("pillow-heif", "pillow_heif", "1", "heic", "HEIC photos"),
    _package("pyarrow", "pyarrow", "20", "parquet", "Parquet answers"),
)
_IMPORT = "from sightline.files import unreported\nwith unreported('{0}'): import {0}"
# Both fill the same folder; whichever is there is the one that is meant.
_TENSORFLOW = ("tensorflow-cpu", "tensorflow")


def diagnose(
    *, deep: bool = False, progress: Callable[[int, int], None] | None = None
) -> Diagnosis:
    """Look at the program, its packages, the machine and the folders it uses.

    Args:
        deep: Also import each package in a child process, and ask TensorFlow for its devices.
        progress: Called with (done, total) packages while they are imported.
    """
    items = [*_program(), *_packages(), *_machine(), *_storage()]
    if deep:
        items += _imports(progress or (lambda done, total: None))
    return Diagnosis(items=tuple(items))


def _program() -> Iterator[Item]:
    yield Item(topic="program", name="sightline", status="ok", found=__version__)
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Item(
        topic="program",
        name="python",
        status="ok" if supported else "broken",
        found=f"{platform.python_version()} at {printable(sys.executable)}",
        fix=None if supported else "install Sightline under Python 3.11, 3.12 or 3.13",
    )
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    yield Item(topic="program", name="system", status="ok", found=system)


def installed_version(name: str) -> str | None:
    """Return the version of an installed distribution, or `None`."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _packages() -> Iterator[Item]:
    tensorflows = [name for name in _TENSORFLOW if installed_version(name)]
    for package in PACKAGES:
        name = package.name
        if name in _TENSORFLOW:
            name = tensorflows[0] if tensorflows else "tensorflow"
        yield _judge(package, name, installed_version(name))
    if len(tensorflows) > 1:
        yield Item(
            topic="packages",
            name="tensorflow twice",
            status="broken",
            found=f"{' and '.join(tensorflows)} fill the same folder and overwrite each other",
            fix="pip uninstall tensorflow tensorflow-cpu, then pip install 'sightline[train]'",
        )


def _judge(package: Package, name: str, version: str | None) -> Item:
    required = not package.extra
    wanted = f"sightline[{package.extra}]" if package.extra else f"{name}>={package.minimum}"
    if version is None:
        status: Status = "broken" if required else "absent"
        found = f"not installed ({package.purpose})"
    elif _numbers(version) < _numbers(package.minimum):
        status = "broken" if required else "warning"
        found = f"{version}, older than {package.minimum} ({package.purpose})"
    else:
        return Item(
            topic="packages", name=name, status="ok", found=f"{version} ({package.purpose})"
        )
    fix = f"pip install --upgrade '{wanted}'"
    return Item(topic="packages", name=name, status=status, found=found, fix=fix)


def _numbers(version: str) -> tuple[int, ...]:
    numbers = [int(part) for part in re.findall(r"\d+", version)[:3]]
    return tuple(numbers + [0] * (3 - len(numbers)))


def _machine() -> Iterator[Item]:
    yield Item(topic="machine", name="cpu", status="ok", found=_cpu())
    memory = machine.memory()
    if memory is not None:
        free, total = memory.available, memory.total
        yield Item(
            topic="machine",
            name="memory",
            status="ok" if free >= 2 * _GIB else "warning",
            found=f"{_size(free)} of {_size(total)} available",
            fix=None if free >= 2 * _GIB else "training wants 2 GB or more; close other programs",
        )


def _cpu() -> str:
    text = machine.read_system("/proc/cpuinfo")
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    known = set(flags[1].split()) if flags else set()
    words = [f"{machine.cores():g} cores"]
    if model:
        words.append(model[1].strip())
    words.append(" ".join(name for name in _CPU_FEATURES if name in known))
    return ", ".join(word for word in words if word)


def _storage() -> Iterator[Item]:
    yield _cache()
    yield _room("this folder", Path("."))
    yield _room("temporary files", Path(os.environ.get("TMPDIR") or "/tmp"))
    yield _weights()


def _room(name: str, folder: Path) -> Item:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        found = f"{printable(folder)}: {error.strerror}"
        return Item(topic="storage", name=name, status="warning", found=found)
    enough = free >= _ROOM_WANTED
    return Item(
        topic="storage",
        name=name,
        status="ok" if enough else "warning",
        found=f"{_size(free)} free at {printable(folder.absolute())}",
        fix=None if enough else "free some space before training",
    )


def _cache() -> Item:
    try:
        folder = cache_directory()
        writable = os.access(folder, os.W_OK | os.X_OK)
        used = sum(path.lstat().st_size for path in folder.rglob("*"))
    except OSError as error:
        folder, writable, used = Path(error.filename or "cache"), False, 0
    free = shutil.disk_usage(folder).free if writable else 0
    return Item(
        topic="storage",
        name="cache",
        status="ok" if writable else "warning",
        found=f"{_size(used)} used, {_size(free)} free at {printable(folder)}"
        if writable
        else f"cannot be written at {printable(folder)}; everything is computed again each time",
        fix=None if writable else "set SIGHTLINE_CACHE to a folder that you may write to",
    )


def _weights() -> Item:
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    files = sorted(path.name for path in home.glob("models/*.h5"))
    return Item(
        topic="storage",
        name="pretrained weights",
        status="ok" if files else "absent",
        found=f"{len(files)} at {printable(home / 'models')}"
        + (f": {', '.join(map(printable, files))}" if files else ""),
        fix=None
        if files
        else "downloaded on first use; offline, set KERAS_HOME to a folder that has models/*.h5",
    )


def _imports(progress: Callable[[int, int], None]) -> Iterator[Item]:
    present = [package for package in PACKAGES if _is_installed(package)]
    for done, package in enumerate(present):
        progress(done, len(present))
        error = _run_python(_IMPORT.format(package.module))[1]
        yield Item(
            topic="imports",
            name=package.module,
            status="ok" if error is None else ("warning" if package.extra else "broken"),
            found="can be imported" if error is None else f"cannot be imported: {error}",
            fix=None if error is None else f"pip install --force-reinstall {package.name}",
        )
        if package.module == "tensorflow" and error is None:
            yield _devices()
    progress(len(present), len(present))


def _is_installed(package: Package) -> bool:
    names = _TENSORFLOW if package.name in _TENSORFLOW else (package.name,)
    return any(installed_version(name) for name in names)


def _devices() -> Item:
    output, error = _run_python(
        "import json, tensorflow as tf;"
        "print(json.dumps([d.name for d in tf.config.list_physical_devices('GPU')]))"
    )
    names = json.loads(output.splitlines()[-1]) if error is None else []
    found = error or ", ".join(names) or "none; TensorFlow will use the CPU"
    return Item(topic="imports", name="gpu", status="ok" if names else "absent", found=found)


def _run_python(code: str) -> tuple[str, str | None]:
    """Run `code` in a child process; return what it printed, and the error's last line if any."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    try:
        child = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            errors="backslashreplace",
            timeout=_IMPORT_SECONDS,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        return "", f"no answer in {_IMPORT_SECONDS} s"
    if child.returncode == 0:
        return child.stdout, None
    lines = child.stderr.strip().splitlines() or [f"ended with status {child.returncode}"]
    return child.stdout, lines[-1]


def _size(count: int) -> str:
    return f"{count / _GIB:.1f} GB" if count >= _GIB else f"{count / 2**20:.0f} MB"

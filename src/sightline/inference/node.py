"""Node.js as a runtime for what was made for browsers: its packages, and a process to talk to.

The packages come from the npm registry at first need, at the versions and digests of our own lock
files, into a folder of Sightline's cache. No script of theirs is run while they are installed.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import tempfile
import time
import weakref
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sightline import machine
from sightline.errors import MachineError, MissingPackageError, ModelError
from sightline.files import cache_directory, lock, printable, sha256_bytes
from sightline.inference.runner import check_pixels

SCRIPTS = Path(__file__).with_name("scripts")
OLDEST_NODE = 18
_INSTALL_SECONDS = 300
_START_SECONDS = 120
_RUN_SECONDS = 120
_LONGEST_MESSAGE = 2**20
_FEW = 4
"""Images for each process from which on sharing them out pays."""


def find_node() -> str:
    """Return the path of Node.js.

    Raises:
        MissingPackageError: There is none, or it is too old.
    """
    found = shutil.which("node")
    if found is None:
        raise _no_node("Node.js is not installed; it is needed to run this export.")
    told = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
    version = told.stdout.strip().lstrip("v")
    if not version.partition(".")[0].isdigit() or int(version.partition(".")[0]) < OLDEST_NODE:
        raise _no_node(f"Node.js is {version or 'of an unknown version'}.")
    return found


def node_packages(name: str) -> Path:
    """Return the `node_modules` folder of a set of packages, which is installed if it is not there.

    Args:
        name: A folder of `scripts` with a package.json and a package-lock.json.

    Raises:
        MissingPackageError: npm is not installed, or cannot fetch them.
        MachineError: The cache cannot be written.
    """
    wanted = {file: (SCRIPTS / name / file).read_bytes() for file in _NPM_FILES}
    place = cache_directory() / f"node-{sha256_bytes(b''.join(wanted.values()))[:16]}"
    if not place.is_dir():
        with lock(place.with_suffix(".lock"), wait=True):
            if not place.is_dir():
                _install(name, wanted, place)
    return place / "node_modules"


_NPM_FILES = ("package.json", "package-lock.json")


def _install(name: str, wanted: Mapping[str, bytes], place: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise _no_node("npm is not installed; it is needed to fetch what runs this export.")
    with tempfile.TemporaryDirectory(prefix=f".{place.name}-", dir=place.parent) as folder:
        inside = Path(folder) / "packages"
        inside.mkdir()
        for file, content in wanted.items():
            (inside / file).write_bytes(content)
        words = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        try:
            told = subprocess.run(
                words,
                cwd=inside,
                capture_output=True,
                text=True,
                timeout=_INSTALL_SECONDS,
                stdin=subprocess.DEVNULL,
                check=False,
            )
            reason = None if told.returncode == 0 else told.stderr.strip()[-300:]
        except subprocess.TimeoutExpired:
            reason = f"it took more than {_INSTALL_SECONDS} seconds"
        if reason is not None:
            pins = json.loads(wanted["package.json"])["dependencies"]
            raise MissingPackageError(
                f"npm cannot fetch the packages that run this export: {reason}.",
                expected=", ".join(f"{package} {version}" for package, version in pins.items()),
                fix="run the same command where npm reaches its registry; they are kept for later",
                details={"package": name, "extra": ""},
            )
        os.rename(inside, place)


class NodeGraph:
    """An export that a script of ours runs in Node.js (see `inference.exported.Graph`).

    Images are run one by one. A process has one thread, so many images are shared out to as many
    processes as there are cores.

    Args:
        kind: Which script opens the export.
        folder: The export.
        outputs: Name of the tensor for each output.
        packages: A `node_modules` folder that the script reads; None if it needs none.
        threads: Processes at most; all cores by default.

    Attributes:
        input_shape: (height, width, channels).

    Raises:
        MissingPackageError: There is no Node.js.
        ModelError: The export is damaged.
    """

    def __init__(
        self,
        kind: str,
        folder: Path,
        outputs: Mapping[str, str],
        *,
        packages: Path | None = None,
        threads: int | None = None,
    ) -> None:
        words = (find_node(), str(SCRIPTS / "serve.mjs"), kind, str(folder.resolve()))
        self._words = (*words, str(packages or ""), json.dumps(dict(outputs)))
        self._most = threads or machine.threads()
        first = _Process(self._words, folder)
        self._processes = [first]
        self._folder = folder
        self.input_shape, self._lengths = first.input_shape, first.lengths

    def run(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Return each output for uint8 pixels (n, height, width, channels), stacked along n."""
        check_pixels(pixels, self.input_shape)
        wanted = max(1, min(self._most, len(pixels) // _FEW))
        while len(self._processes) < wanted:
            self._processes.append(_Process(self._words, self._folder))
        answers = {
            name: np.empty((len(pixels), length), np.float32)
            for name, length in self._lengths.items()
        }
        rows = iter(range(len(pixels)))
        try:
            with ThreadPoolExecutor(wanted, thread_name_prefix="node") as pool:
                try:
                    # Each takes the next row from one iterator: none waits while there is work.
                    work = pool.map(
                        lambda one: one.run(pixels, rows, answers), self._processes[:wanted]
                    )
                    list(work)
                except BaseException:
                    # Else the others would go on to the last image. Their pipes are closed when
                    # nobody waits at them any more: a number of one may mean another file by then.
                    for process in self._processes:
                        process.kill()
                    raise
        except BaseException:
            self.close()
            raise
        return answers

    def close(self) -> None:
        """End the processes; garbage collection and the end of Python do it too.

        Another run starts them anew.
        """
        while self._processes:
            self._processes.pop().close()


class _Process:
    """One Node.js with one export in it; `scripts/serve.mjs` says how they talk."""

    def __init__(self, words: tuple[str, ...], folder: Path) -> None:
        self._folder = folder
        self._log: BinaryIO = tempfile.TemporaryFile()
        self._child = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, bufsize=0
        )
        self.close = weakref.finalize(self, _end, self._child, self._log)
        self._into, self._out = map(_descriptor, (self._child.stdin, self._child.stdout))
        os.set_blocking(self._into, False)
        ready = self._message(time.monotonic() + _START_SECONDS)
        self.input_shape = tuple(map(int, ready["shape"]))
        self.lengths: Mapping[str, int] = ready["lengths"]

    def run(
        self, pixels: np.ndarray, rows: Iterator[int], answers: Mapping[str, np.ndarray]
    ) -> None:
        """Fill the rows of `answers` that `rows` gives."""
        for row in rows:
            end = time.monotonic() + _RUN_SECONDS
            self._send(memoryview(pixels[row].tobytes()), end)
            self._message(end)
            for name, length in self.lengths.items():
                answers[name][row] = np.frombuffer(self._read(4 * length, end), "<f4")

    def kill(self) -> None:
        """End it; who waits for it is told at once."""
        self._child.kill()

    def _message(self, end: float) -> Any:
        length = int.from_bytes(self._read(4, end), "little")
        if length > _LONGEST_MESSAGE:
            raise self._failure("it answers in another language")
        message = json.loads(self._read(length, end))
        if "error" in message:
            raise self._failure(str(message["error"]))
        return message

    def _send(self, content: memoryview, end: float) -> None:
        while content:
            self._wait(self._into, selectors.EVENT_WRITE, end)
            try:
                content = content[os.write(self._into, content) :]
            except BrokenPipeError as error:
                # What it last said is the reason.
                self._message(end)
                raise self._failure("it ended") from error

    def _read(self, count: int, end: float) -> bytes:
        found = bytearray()
        while len(found) < count:
            self._wait(self._out, selectors.EVENT_READ, end)
            part = os.read(self._out, count - len(found))
            if not part:
                raise self._failure("it ended")
            found += part
        return bytes(found)

    def _wait(self, descriptor: int, event: int, end: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, event)
            if not selector.select(max(0.0, end - time.monotonic())):
                self.close()
                raise MachineError(
                    f"Node.js gave no answer for {printable(self._folder)} in time.",
                    expected=f"an answer within {_RUN_SECONDS} seconds",
                    fix="run the same command when the machine is less busy",
                    code="node_hangs",
                )

    def _failure(self, reason: str) -> ModelError:
        self._log.seek(0)
        told = self._log.read()[-2000:].decode(errors="replace").strip()
        self.close()
        first = (reason or "no reason given").splitlines()[0]
        return ModelError(
            f"Node.js cannot run {printable(self._folder)}: {printable(first)}",
            expected="an export as `sightline export` wrote it",
            fix="take another copy of the export, or export again",
            code="damaged_model",
            details={"node": told, "reason": reason[:2000]},
        )


def _descriptor(pipe: Any) -> int:
    return int(pipe.fileno())


def _end(child: subprocess.Popen[bytes], log: BinaryIO) -> None:
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout, log):
        if pipe is not None:
            pipe.close()


def _no_node(what: str) -> MissingPackageError:
    return MissingPackageError(
        what,
        expected=f"Node.js {OLDEST_NODE} or newer, with npm",
        fix="sudo apt-get install nodejs npm",
        details={"package": "nodejs", "extra": ""},
    )

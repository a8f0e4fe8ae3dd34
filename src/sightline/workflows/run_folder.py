"""The folder of a run: claimed by one process, holding checkpoints until the run has ended.

Shared by the verbs that train: they are stopped, resumed and begun anew in one way. Needs no
TensorFlow.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.errors import ConfigError
from sightline.files import free_path, lock, printable, write_error
from sightline.models.bundle import SUFFIX
from sightline.training.checkpoint import has_checkpoint

if TYPE_CHECKING:
    from sightline.training.loop import Watcher


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """Where a run that makes the bundle `path` keeps what it is not to lose.

    Attributes:
        path: Where the bundle goes.
        resume: Go on with an unfinished run.
        overwrite: Replace what stands at `path`, and forget an unfinished run.
    """

    path: Path
    resume: bool
    overwrite: bool

    @property
    def directory(self) -> Path:
        """Where logs and checkpoints go."""
        return self.path.with_suffix(".training")

    @property
    def checkpoints(self) -> Path:
        """Where an unfinished run keeps its state."""
        return self.directory / "checkpoints"

    def free(self) -> Path:
        """Return the path of the bundle once nothing stands in its way.

        Raises:
            ConfigError: Something stands there, or the suffix or folder is wrong.
        """
        # An unfinished run was allowed to replace what stands there when it began.
        unfinished = self.resume and has_checkpoint(self.checkpoints)
        return free_path(self.path, suffixes=(SUFFIX,), overwrite=self.overwrite or unfinished)

    @contextmanager
    def open(self, watcher: Watcher) -> Iterator[None]:
        """Claim the folder for the time of a run; it is removed where it ends up empty.

        Args:
            watcher: Is told if there is nothing to resume.

        Raises:
            ConfigError: An unfinished run is there, and nothing was said of it.
            MachineError: Another run is under way there, or it cannot be made.
        """
        with _claimed(self.directory):
            self._check_unfinished(watcher)
            yield

    def begin(self) -> None:
        """Forget the checkpoints of an earlier run unless it is to go on."""
        if not self.resume:
            self.end()

    def end(self) -> None:
        """Forget the checkpoints: the run has ended."""
        shutil.rmtree(self.checkpoints, ignore_errors=True)

    def _check_unfinished(self, watcher: Watcher) -> None:
        unfinished = has_checkpoint(self.checkpoints)
        if self.resume and not unfinished:
            watcher.note(f"No unfinished run in {printable(self.directory)}: starting anew.")
        if unfinished and not (self.resume or self.overwrite):
            raise ConfigError(
                f"There is an unfinished run in {printable(self.directory)}.",
                expected="a word on what to do with it",
                fix="add --resume to go on with it, or --overwrite to start anew",
                code="unfinished_run",
            )


@contextmanager
def _claimed(directory: Path) -> Iterator[None]:
    """Make the folder of a run and keep other runs out of it; leave none that is empty."""
    try:
        directory.mkdir(exist_ok=True)
    except OSError as error:
        raise write_error(directory, error) from error
    guard = directory / ".lock"
    with lock(guard):
        try:
            yield
        finally:
            if list(directory.iterdir()) == [guard]:
                shutil.rmtree(directory, ignore_errors=True)

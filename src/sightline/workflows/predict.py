"""`predict`: a model and images give answers, streaming, in order, one row for each image."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sightline.dataset import Finding
from sightline.dataset.walking import Walk
from sightline.errors import ConfigError, DataError, ModelError, did_you_mean
from sightline.files import load_attribute, printable
from sightline.images import FileSource, Source
from sightline.inference import LiteRTRunner, Runner, predict_stream
from sightline.inference.card import is_export
from sightline.inference.exported import open_export
from sightline.models import BACKBONES
from sightline.models.bundle import SUFFIX, Bundle, read_bundle
from sightline.predictions import Predictions


@dataclass(frozen=True, kw_only=True)
class Images:
    """What a list of paths on the command line stands for.

    Attributes:
        sources: The images, in the order given; folders sorted by name.
        findings: What was passed over in folders.
    """

    sources: tuple[Source, ...]
    findings: tuple[Finding, ...]


def open_model(name: str, *, trust: bool = False) -> Runner:
    """Return what runs a bundle, an export, or a ready-made ImageNet classifier by its name.

    Args:
        name: A path, or a name of the catalogue.
        trust: Run an export that is a program (`inference.exported.open_export`).

    Raises:
        ModelError: There is neither, or the bundle cannot be used.
        ConfigError, MachineError: The ready-made weights cannot be had.
    """
    if is_ready_made(name):
        runner: Runner = load_attribute("sightline.inference.ready_made:ready_made_runner")(name)
        return runner
    if is_export(Path(name)):
        return open_export(Path(name), trust=trust)
    return LiteRTRunner(open_bundle(name))


def is_ready_made(name: str) -> bool:
    """Return whether `name` is one of the catalogue's and not a file's."""
    return name in BACKBONES and not os.path.lexists(name)


def open_bundle(name: str, *, else_name_of: str = "a ready-made model") -> Bundle:
    """Return the bundle at a path that may be a mistyped name of the catalogue.

    Args:
        name: The path.
        else_name_of: What a name of the catalogue would stand for, for the error.

    Raises:
        ModelError: There is none, or it cannot be used.
    """
    if not os.path.lexists(name) and not name.endswith(SUFFIX):
        known = [card.name for card in BACKBONES.values() if card.weights]
        known += [path.name for path in Path().glob(f"*{SUFFIX}")]
        raise ModelError(
            f"No model {printable(name)}.{did_you_mean(name, known)}",
            expected=f"a {SUFFIX} file, or the name of {else_name_of}",
            fix="check the path; `sightline models` lists the names",
            code="no_such_model",
        )
    return read_bundle(name)


def find_images(paths: Sequence[str]) -> Images:
    """Return the images that files, folders and globs name.

    A file that is named itself is always taken, whatever it is: its row then says what is
    wrong with it.

    Raises:
        ConfigError: A path does not exist, or a glob matches nothing.
        DataError: Folders hold no image.
    """
    sources: list[Source] = []
    findings: list[Finding] = []
    for path in paths:
        for found in _expand(path):
            if os.path.isdir(found):
                walk = Walk(root=Path(found))
                names = [os.path.join(found, name) for name in walk.images_below("")]
                sources += [FileSource(Path(name), name) for name in names]
                findings += walk.findings()
            else:
                sources.append(FileSource(Path(found), found))
    if not sources:
        passed = "".join(f" {finding.message}" for finding in findings)
        raise DataError(
            f"No images in {', '.join(map(printable, paths))}.{passed}",
            expected="at least one image",
            fix="name the files themselves, or another folder",
            code="no_images",
        )
    return Images(sources=tuple(sources), findings=tuple(findings))


def _expand(path: str) -> list[str]:
    if os.path.lexists(path):  # a name with brackets is a name before it is a pattern
        return [path]
    found = sorted(glob.glob(path, recursive=True)) if glob.has_magic(path) else []
    if not found:
        raise ConfigError(
            f"Nothing at {printable(path)}.",
            expected="a file, a folder, or a pattern that matches some",
            fix="check the path; quote patterns so that the shell leaves them alone",
            code="no_such_path",
        )
    return found


def predict_images(
    runner: Runner,
    images: Images,
    *,
    unsure_below: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Predictions]:
    """Yield predictions in chunks and report progress after each."""
    done = 0
    with closing(predict_stream(runner, images.sources, unsure_below=unsure_below)) as stream:
        for chunk in stream:
            done += len(chunk)
            yield chunk
            if progress is not None:
                progress(done, len(images.sources))

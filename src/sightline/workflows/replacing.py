"""What an export may be written over: other exports, and nothing that somebody may want to keep."""

from __future__ import annotations

from pathlib import Path

from sightline.errors import ConfigError, ModelError
from sightline.exporting import ExportFormat
from sightline.files import free_path, printable
from sightline.inference.card import Place, read_card


def check_place(path: Path, form: ExportFormat, *, overwrite: bool) -> None:
    """Refuse a place for an export before any work is done for it.

    Args:
        path: Where it shall go.
        form: What it is.
        overwrite: Whether another export may stand there.

    Raises:
        ConfigError: Something stands there that nobody may want to lose, or that is in the way; or
            the suffix or the folder is wrong.
    """
    free_path(path, suffixes=(form.suffix,), overwrite=overwrite)
    check_replaceable(path)
    check_folders(path, form)
    if not overwrite:
        check_companions(path, form)


def check_folders(path: Path, form: ExportFormat) -> None:
    """Refuse folders where an export has files.

    Raises:
        ConfigError: There is one.
    """
    if not form.folder:
        for place in (path, *_beside(path, form)):
            check_no_folder(place, f"{form.name}, which is a file,")


def check_no_folder(path: Path, what: str) -> None:
    """Refuse a folder where a file is to be written.

    Raises:
        ConfigError: There is one.
    """
    if path.is_dir():
        raise ConfigError(
            f"{printable(path)} is a folder.",
            expected=f"a place for {what} or for what belongs to it",
            fix="choose another name, or remove the folder yourself",
            code="not_replaceable",
        )


def check_replaceable(path: Path) -> None:
    """Refuse to write over a folder that is more than an export: nobody may want to lose it.

    Raises:
        ConfigError: Such a folder stands at `path`.
    """
    if not path.is_dir() or not any(path.iterdir()):
        return
    try:
        read_card(path)
    except ModelError as error:
        raise ConfigError(
            f"{printable(path)} is a folder that is no export, or holds more. {error.what}",
            expected="an export to replace, or a name that is free",
            fix="choose another name, or remove the folder yourself",
            code="not_replaceable",
        ) from error


def check_companions(path: Path, form: ExportFormat) -> None:
    """Refuse to write over files that would belong to an export at `path`.

    Raises:
        ConfigError: One of them is there.
    """
    for found in _beside(path, form):
        if found.exists():
            raise ConfigError(
                f"{printable(found)} exists, and belongs to what would be written.",
                expected="a name that is free",
                fix="choose another name, or add --overwrite",
                code="exists",
            )


def _beside(path: Path, form: ExportFormat) -> tuple[Path, ...]:
    place = Place(path, form.folder)
    if form.folder:
        return ()
    return (*map(place.member, form.companions), place.card, place.tensors)

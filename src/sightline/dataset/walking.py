"""One pass over a folder that cannot hang, loop or leave it, and forgets nothing it skipped.

Names are listed and files are told apart by what the directory says; content is opened only to
sniff the first bytes of files whose extension says nothing. Symbolic links to directories are not
followed; links to files are taken if they end inside the root.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sightline.dataset.records import Finding, Severity, counted
from sightline.files import printable
from sightline.images.formats import is_picture, promised_format, sniff

JUNK = frozenset(
    {
        "__macosx",
        "__pycache__",
        "$recycle.bin",
        "#recycle",
        "@eadir",
        "desktop.ini",
        "ehthumbs.db",
        "lost+found",
        "system volume information",
        "thumbs.db",
    }
)
_SNIFFED = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Children:
    """What one directory holds: names, in order."""

    folders: tuple[str, ...]
    images: tuple[str, ...]


@dataclass(kw_only=True)
class Walk:
    """Lists directories under `root` and keeps account of what it passed over.

    Args:
        root: The folder that no path may lead out of.
    """

    root: Path
    hidden: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    unsafe: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._inside = os.path.join(os.path.realpath(self.root), "")

    def children(self, folder: str) -> Children:
        """List one directory.

        Args:
            folder: Path relative to the root, `""` for the root itself.
        """
        folders: list[str] = []
        images: list[str] = []
        for entry in self._entries(folder):
            name = os.path.join(folder, entry.name)
            if entry.name.startswith(".") or entry.name.casefold() in JUNK:
                self.hidden.append(name)
            elif entry.is_dir(follow_symlinks=False):
                folders.append(name)
            elif not self._is_safe_file(entry, name):
                self.unsafe.append(name)
            elif _is_image(entry):
                images.append(name)
            else:
                self.ignored.append(name)
        return Children(folders=tuple(folders), images=tuple(images))

    def images_below(self, folder: str) -> Iterator[str]:
        """Yield every image of `folder` and of the folders in it, at any depth."""
        pending = [folder]
        while pending:
            children = self.children(pending.pop())
            yield from children.images
            pending.extend(reversed(children.folders))

    def findings(self) -> tuple[Finding, ...]:
        """Return what was passed over: one finding for each reason, listing all of it."""
        return tuple(
            Finding(
                check=check,
                severity=severity,
                message=f"{counted(len(names), noun)} {text}.",
                paths=tuple(names),
                fix=fix,
            )
            for check, severity, noun, text, fix, names in self._accounts()
            if names
        )

    def _accounts(self) -> tuple[tuple[str, Severity, str, str, str, list[str]], ...]:
        return (
            ("hidden", "info", "hidden or system item", "ignored", "", self.hidden),
            (
                "ignored_file",
                "warning",
                "file",
                "ignored: neither the name nor the first bytes say image",
                "nothing, if they are not images",
                self.ignored,
            ),
            (
                "unsafe_path",
                "warning",
                "item",
                "skipped: link to a folder, broken or outward link, loop, pipe or device",
                "copy the images themselves into the folder",
                self.unsafe,
            ),
            (
                "unreadable_folder",
                "error",
                "folder",
                "cannot be listed",
                "make them readable, or move them out",
                self.unreadable,
            ),
        )

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        path = self.root / folder
        try:
            status = path.stat()
            if (status.st_dev, status.st_ino) in self._seen:
                # A bind mount can hold its own parent; no symbolic link is needed for a loop.
                self.unsafe.append(folder)
                return []
            self._seen.add((status.st_dev, status.st_ino))
            with os.scandir(path) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self.unreadable.append(f"{folder or self.root} ({error.strerror})")
            return []

    def _is_safe_file(self, entry: os.DirEntry[str], name: str) -> bool:
        if not entry.is_symlink():
            return entry.is_file(follow_symlinks=False)
        target = os.path.realpath(self.root / name)
        if not target.startswith(self._inside):
            return False
        try:
            return stat.S_ISREG(os.stat(target).st_mode)
        except OSError:
            return False


def describe(walk: Walk) -> str:
    """Return one line on what the root of a walk holds, for errors about the layout."""
    looking = Walk(root=walk.root)
    top = looking.children("")
    shown = [f"{printable(name)}/" for name in top.folders[:6]]
    shown += [printable(name) for name in top.images[:3]]
    more = len(top.folders) + len(top.images) - len(shown)
    tail = f", … and {more} more" if more > 0 else ""
    return (
        f"{counted(len(top.folders), 'folder')} and {counted(len(top.images), 'image')} "
        f"at the top of {printable(walk.root)}"
        + (f": {', '.join(shown)}{tail}" if shown else "")
        + _passed_over(looking)
    )


def _passed_over(walk: Walk) -> str:
    """Say what may be the reason that folders or images seem to be missing."""
    names = [printable(name) for name in walk.unsafe]
    if not names:
        return ""
    more = "" if len(names) == 1 else f" and {len(names) - 1} more"
    return f"; not followed: {names[0]}{more} (links, or no regular files)"


def _is_image(entry: os.DirEntry[str]) -> bool:
    return promised_format(entry.name) is not None or _sniffs_as_image(entry.path)


def _sniffs_as_image(path: str) -> bool:
    try:
        # O_NONBLOCK: the name may have become a pipe since it was listed.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return False
            return is_picture(sniff(os.read(handle, _SNIFFED)))
        finally:
            os.close(handle)
    except OSError:
        # Counted as an image so that reading it reports the error, with its number.
        return True

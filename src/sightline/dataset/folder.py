"""Folders of images as data: `ROOT/CLASS/*` and `ROOT/{train,validation|val,test}/CLASS/*`.

The class is the first folder under the root (or under the split); folders inside a class belong
to it. Only lists: no image is opened here, and the number of images costs one directory entry
each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from sightline.dataset.labels import clean_label, one_class, twin_labels
from sightline.dataset.records import SHOWN, Finding, Listing, Row, counted, refusal
from sightline.dataset.walking import Children, Walk, describe
from sightline.errors import DataError
from sightline.images.sources import FileSource

SPLIT_FOLDERS: Mapping[str, str] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
WANTED = (
    "ROOT/CLASS/*.jpg, or ROOT/train/CLASS/*.jpg with validation/ (or val/) and test/ beside it"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ClassFolder:
    path: str
    label: str
    split: str | None
    images: tuple[str, ...]


def read_folder(root: Path, *, allow: Collection[str] = ()) -> Listing:
    """List a folder of images.

    Args:
        root: An existing directory.
        allow: Checks to go on in spite of: `"empty_class"`, `"one_class"`.

    Raises:
        DataError: The layout is not one of the two, or classes are empty, single or twins.
    """
    walk = Walk(root=root)
    folders = [
        _ClassFolder(
            path=path,
            label=PurePath(path).name,
            split=split,
            images=tuple(walk.images_below(path)),
        )
        for split, path in _class_folders(walk)
    ]
    rows = [row for folder in folders for row in _rows(root, folder)]
    counts = Counter(label for row in rows for label in row.labels)
    findings = [
        *walk.findings(),
        *_nested(folders),
        *twin_labels(folder.label for folder in folders),
        *_empty(folders, counts, allow),
    ]
    if "one_class" not in allow:
        findings += one_class(dict(counts), str(root))
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        # What was passed over may be why a class seems to be empty.
        errors += [finding for finding in findings if finding.check == "unsafe_path"]
        raise refusal(errors, expected=f"{WANTED}; found {describe(walk)}")
    return Listing(
        rows=tuple(sorted(rows, key=lambda row: row.name)),
        classes=tuple(sorted(counts)),
        root=root,
        notices=tuple(findings),
    )


def _rows(root: Path, folder: _ClassFolder) -> Iterator[Row]:
    labels = (clean_label(folder.label),)
    for image in folder.images:
        yield Row(source=FileSource(root / image, image), labels=labels, split=folder.split)


def _class_folders(walk: Walk) -> list[tuple[str | None, str]]:
    """Return (split or None, path) of every class folder, whichever of the two layouts it is."""
    top = walk.children("")
    inner = {
        name: children
        for name in top.folders
        if name.casefold() in SPLIT_FOLDERS
        and (children := Walk(root=walk.root).children(name)).folders
    }
    if top.images:
        raise _bad_layout(walk, "images_in_root", "Images lie beside the class folders", top.images)
    if not top.folders:
        raise _bad_layout(walk, "no_class_folders", "There are no class folders")
    if all(name.casefold() in SPLIT_FOLDERS for name in top.folders) and not inner:
        raise _bad_layout(walk, "no_class_folders", "The splits hold no class folders", top.folders)
    if not inner:
        return [(None, name) for name in top.folders]
    others = [name for name in top.folders if name not in inner]
    if others:
        raise _bad_layout(
            walk,
            "mixed_layout",
            "Folders of splits and other folders stand side by side, or a split has no class "
            "folders",
            others,
        )
    return _split_folders(walk, inner)


def _split_folders(walk: Walk, inner: Mapping[str, Children]) -> list[tuple[str | None, str]]:
    splits = {name: SPLIT_FOLDERS[name.casefold()] for name in inner}
    twice = [name for name, split in splits.items() if list(splits.values()).count(split) > 1]
    if twice:
        raise _bad_layout(walk, "split_twice", "Two folders name the same split", twice)
    loose = [image for children in inner.values() for image in children.images]
    if loose:
        raise _bad_layout(walk, "images_in_root", "Images lie beside the class folders", loose)
    return [(split, path) for name, split in splits.items() for path in walk.children(name).folders]


def _nested(folders: list[_ClassFolder]) -> list[Finding]:
    nested = [
        image
        for folder in folders
        for image in folder.images
        if str(PurePath(image).parent) != folder.path
    ]
    if not nested:
        return []
    where = tuple(sorted({str(PurePath(image).parent) for image in nested}))
    return [
        Finding(
            check="nested_folder",
            severity="info",
            message=f"{counted(len(nested), 'image')} in folders inside class folders, "
            "counted to the outer folder's class.",
            paths=where,
        )
    ]


def _empty(
    folders: list[_ClassFolder], counts: Mapping[str, int], allow: Collection[str]
) -> list[Finding]:
    empty = sorted({folder.path for folder in folders if not counts[clean_label(folder.label)]})
    if not empty:
        return []
    return [
        Finding(
            check="empty_class",
            severity="warning" if "empty_class" in allow else "error",
            message=f"{counted(len(empty), 'class folder')} without images.",
            paths=tuple(empty),
            fix="add images, remove the folder, or leave it out with `--allow empty_class`",
        )
    ]


def _bad_layout(walk: Walk, check: str, what: str, names: Collection[str] = ()) -> DataError:
    fix = "put each image into the folder of its class"
    if len(names) > SHOWN:
        fix += f" (the first {SHOWN} are named above)"
    if walk.unsafe:
        fix = "copy what is linked, or name the real folder: links to folders are not followed"
    finding = Finding(
        check=check,
        severity="error",
        message=f"{what}: found {describe(walk)}.",
        paths=tuple(sorted(names)),
        fix=fix,
    )
    return refusal([finding], expected=WANTED)

"""Arrays in memory and `.npz` files as data. Nothing is unpickled."""

from __future__ import annotations

import zipfile
import zlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sightline.dataset.labels import clean_label, one_class, twin_labels
from sightline.dataset.records import Finding, Listing, Row, counted, refusal
from sightline.errors import DataError
from sightline.files import printable
from sightline.images.sources import ArraySource
from sightline.predictions import Task

Labels = Sequence[str] | Sequence[int] | Sequence[Sequence[str]] | np.ndarray

MAX_ARRAY_BYTES = 16 * 1024**3
NPZ_PAIRS: Sequence[tuple[str, str, str | None]] = (
    ("images", "labels", None),
    ("x_train", "y_train", "train"),
    ("x_val", "y_val", "validation"),
    ("x_validation", "y_validation", "validation"),
    ("x_test", "y_test", "test"),
)
_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    MemoryError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)
_WANTED = (
    "uint8 images (n, height, width) or (n, height, width, 1 | 3 | 4), "
    "or a sequence of such single images"
)


def read_arrays(
    images: Sequence[np.ndarray] | np.ndarray,
    labels: Labels,
    *,
    classes: Sequence[str] | None = None,
    name: str = "image",
    split: str | None = None,
) -> Listing:
    """Take images that are in memory.

    Args:
        images: `uint8` (n, height, width) or (n, height, width, 1 | 3 | 4), or n single images.
        labels: n class names; or n indices into `classes`; or n sequences of names, or a 0/1 matrix
            (n, len(classes)), for a multi-label dataset.
        classes: What the indices or columns mean; without it index 3 is called "3".
        name: What the images are called: `"image[0]"` and so on.
        split: The split that all of them belong to.

    Raises:
        DataError: A wrong shape or dtype, or labels that do not fit the images or the classes.
    """
    if len(images) != len(labels):
        raise _bad_arrays(f"{len(images)} images and {len(labels)} labels", "as many of each")
    names, task = _label_names(labels, classes)
    rows = tuple(
        Row(
            source=ArraySource(_image(pixels, f"{name}[{i}]"), f"{name}[{i}]"),
            labels=row_labels,
            split=split,
        )
        for i, (pixels, row_labels) in enumerate(zip(images, names, strict=True))
    )
    found = {label for row in rows for label in row.labels} | set(map(clean_label, classes or ()))
    return Listing(rows=rows, classes=tuple(sorted(found)), task=task)


def read_npz(path: Path) -> Listing:
    """Read `images` and `labels` (and `classes`) from an `.npz`, or `x_train`, `y_train` and so on.

    Raises:
        DataError: Not such a file, object arrays (which would need pickle), or wrong shapes.
    """
    arrays = _load(path)
    pairs = [pair for pair in NPZ_PAIRS if pair[0] in arrays or pair[1] in arrays]
    known = {"classes", *(name for pair in pairs for name in pair[:2])}
    if not pairs or not arrays.keys() >= known - {"classes"}:
        raise _bad_arrays(
            f"{printable(path)} holds {', '.join(map(printable, arrays)) or 'nothing'}",
            "images and labels, or x_train and y_train (and x_test, y_test)",
        )
    classes = arrays.get("classes")
    words = None if classes is None else [_text(item) for item in classes.tolist()]
    parts = [
        read_arrays(arrays[x], arrays[y], classes=words, name=f"{path.name}:{x}", split=split)
        for x, y, split in pairs
    ]
    tasks = {part.task for part in parts}
    if len(tasks) > 1:
        raise _bad_arrays(f"{printable(path)} has labels of two kinds", "one kind in every split")
    return Listing(
        rows=tuple(row for part in parts for row in part.rows),
        classes=tuple(sorted({label for part in parts for label in part.classes})),
        task=tasks.pop(),
        notices=_ignored(sorted(arrays.keys() - known)),
    )


def _ignored(names: Sequence[str]) -> tuple[Finding, ...]:
    if not names:
        return ()
    return (
        Finding(
            check="ignored_array",
            severity="warning",
            message=f"{counted(len(names), 'array')} of other names ignored.",
            paths=tuple(names),
        ),
    )


def check_classes(listing: Listing, where: str, *, allow: Collection[str] = ()) -> Listing:
    """Return `listing` if its classes are two or more and no twins.

    Raises:
        DataError: They are not.
    """
    counts = Counter(label for row in listing.rows for label in row.labels)
    findings = list(twin_labels(listing.classes))
    if listing.task == "multi_class" and "one_class" not in allow:
        findings += one_class(dict(counts), where)
    if findings:
        raise refusal(findings)
    return listing


def _label_names(
    labels: Labels, classes: Sequence[str] | None
) -> tuple[list[tuple[str, ...]], Task]:
    words = None if classes is None else [clean_label(word) for word in classes]
    if not isinstance(labels, np.ndarray) and any(_is_name_set(item) for item in labels):
        return [_name_set(item) for item in labels], "multi_label"
    array = np.asarray(labels)
    if array.ndim == 2 and array.shape[1] > 1 and array.dtype.kind in "biuf":
        return _matrix_names(array, words), "multi_label"
    flat = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if flat.ndim != 1 or flat.dtype.kind not in "USiu":
        raise _bad_arrays(
            f"labels have shape {array.shape} and dtype {array.dtype}",
            "class names, integer indices, or a 0/1 matrix with one column for each class",
        )
    if flat.dtype.kind in "iu":
        return [(_index_name(int(item), words),) for item in flat], "multi_class"
    return [(clean_label(_text(item)),) for item in flat.tolist()], "multi_class"


def _is_name_set(item: object) -> bool:
    return isinstance(item, (tuple, list, set, frozenset)) and all(
        isinstance(word, str) for word in item
    )


def _name_set(item: object) -> tuple[str, ...]:
    if not isinstance(item, (tuple, list, set, frozenset)) or not _is_name_set(item):
        raise _bad_arrays(f"label {item!r} among sets of names", "a tuple of names for each image")
    return tuple(sorted({clean_label(str(word)) for word in item}))


def _matrix_names(matrix: np.ndarray, words: Sequence[str] | None) -> list[tuple[str, ...]]:
    names = words if words is not None else [str(i) for i in range(matrix.shape[1])]
    if len(names) != matrix.shape[1] or not np.isin(matrix, (0, 1)).all():
        raise _bad_arrays(
            f"labels are a matrix {matrix.shape} for {counted(len(names), 'class', 'classes')}",
            "zeros and ones, one column for each class",
        )
    return [tuple(names[int(k)] for k in np.flatnonzero(row)) for row in matrix]


def _index_name(index: int, words: Sequence[str] | None) -> str:
    if words is None:
        return str(index)
    if not 0 <= index < len(words):
        raise _bad_arrays(
            f"label {index} with {counted(len(words), 'class', 'classes')}",
            f"indices from 0 to {len(words) - 1}",
        )
    return words[index]


def _text(item: Any) -> str:
    return item.decode("utf-8", "backslashreplace") if isinstance(item, bytes) else str(item)


def _image(pixels: Any, name: str) -> np.ndarray:
    array = np.asarray(pixels)
    shaped = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    if array.dtype == np.uint8 and array.size and shaped:
        return array
    shown = f"{name} has shape {array.shape} and dtype {array.dtype}"
    raise _bad_arrays(shown, _WANTED, "(images * 255).round().astype('uint8') for values in 0..1")


def _load(path: Path) -> Mapping[str, np.ndarray]:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MAX_ARRAY_BYTES:
            raise _bad_arrays(
                f"{printable(path)} unpacks to {size / 1024**3:.1f} GiB",
                f"at most {MAX_ARRAY_BYTES // 1024**3} GiB",
            )
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except _UNREADABLE as error:
        raise _bad_arrays(
            f"{printable(path)} is not a readable .npz: {error}",
            "a file written by numpy.savez, without object arrays",
        ) from error


def _bad_arrays(what: str, expected: str, fix: str | None = None) -> DataError:
    return DataError(f"{what}.", expected=expected, fix=fix, code="bad_arrays")

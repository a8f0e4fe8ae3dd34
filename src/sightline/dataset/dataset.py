"""The data as one immutable value: rows, classes, task. Operations return a new one.

Built from folders, manifests or arrays by listing only; content is read by `contents`, once, into
the index. It must never read an image on its own account before that, nor order classes by
anything but their names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from os import PathLike
from pathlib import Path

import numpy as np

from sightline.dataset.arrays import Labels, check_classes, read_arrays
from sightline.dataset.content import Content
from sightline.dataset.duplicates import content_groups
from sightline.dataset.index import ContentIndex
from sightline.dataset.manifest import write_manifest
from sightline.dataset.opening import open_any, open_folder, open_manifest, open_npz
from sightline.dataset.record import aligned, fingerprint_of
from sightline.dataset.records import (
    SPLITS,
    Finding,
    Listing,
    Row,
    counted,
    listed,
    misfits,
    refusal,
)
from sightline.dataset.split import Fractions, as_warning, assign_splits
from sightline.errors import ConfigError, DataError, unknown_name
from sightline.predictions import Task

AnyPath = str | PathLike[str]


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Labelled images.

    Args:
        rows: The images; their names are unique.
        classes: Class names in order of name. May hold a class that no row has.
        task: `"multi_class"` (one label each) or `"multi_label"` (any number).
        root: The folder that names are relative to, or None for arrays.
        notices: What was skipped, ignored or found odd so far; no part of equality.

    Raises:
        DataError: Rows and classes do not fit together.
    """

    rows: tuple[Row, ...]
    classes: tuple[str, ...]
    task: Task = "multi_class"
    root: Path | None = None
    notices: tuple[Finding, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        problem = next(misfits(self._listing()), None)
        if problem:
            raise DataError(
                f"Rows and classes do not fit together: {problem}.",
                expected="unique names; labels among sorted classes, one each if multi-class",
                code="bad_dataset",
            )

    @classmethod
    def from_folder(cls, path: AnyPath, *, allow: Collection[str] = ()) -> Dataset:
        """List `ROOT/CLASS/*` or `ROOT/{train,validation|val,test}/CLASS/*`; reads no content.

        The class is the first folder under the root or the split; images in folders inside it
        belong to it. Files without an image's extension are told apart by their first bytes.

        Args:
            path: The root.
            allow: Checks to go on in spite of: `"empty_class"`, `"one_class"`.

        Raises:
            ConfigError: There is no such directory.
            DataError: The layout or the classes cannot be used; all that is wrong is listed.
        """
        return cls._from(open_folder(Path(path), allow=allow))

    @classmethod
    def from_manifest(
        cls,
        path: AnyPath,
        *,
        root: AnyPath | None = None,
        task: Task | None = None,
        allow: Collection[str] = (),
    ) -> Dataset:
        """Read a CSV, TSV or JSON Lines manifest: `path,label[,split,group,sha256,...]`.

        Args:
            path: The manifest.
            root: What its paths are relative to; its own folder by default.
            task: `"multi_label"` or `"multi_class"`; by default what the manifest declares, else
                multi-label if any row has several labels (separated by `|`).
            allow: Checks to go on in spite of: `"one_class"`.

        Raises:
            ConfigError: There is no such file.
            DataError: Anything is wrong with any line; all is listed with line numbers.
        """
        base = None if root is None else Path(root)
        return cls._from(open_manifest(Path(path), root=base, task=task, allow=allow))

    @classmethod
    def from_arrays(
        cls,
        images: Sequence[np.ndarray] | np.ndarray,
        labels: Labels,
        *,
        classes: Sequence[str] | None = None,
    ) -> Dataset:
        """Take images that are in memory.

        Args:
            images: `uint8` (n, height, width) or (n, height, width, 1 | 3 | 4), or n single images.
            labels: n class names; or n indices into `classes`; or n collections of names, or a 0/1
                matrix (n, len(classes)), for a multi-label dataset.
            classes: What indices or columns mean; without it index 3 is called "3".

        Raises:
            DataError: A wrong shape or dtype, or labels that do not fit.
        """
        listing = read_arrays(images, labels, classes=classes)
        return cls._from(check_classes(listing, "the arrays"))

    @classmethod
    def from_npz(cls, path: AnyPath, *, allow: Collection[str] = ()) -> Dataset:
        """Read `images` and `labels` (and `classes`), or `x_train`, `y_train`, `x_test`, `y_test`.

        Raises:
            ConfigError: There is no such file.
            DataError: Not such a file, object arrays, or wrong shapes.
        """
        return cls._from(open_npz(Path(path), allow=allow))

    @classmethod
    def open(
        cls, path: AnyPath, *, task: Task | None = None, allow: Collection[str] = ()
    ) -> Dataset:
        """Open whatever `path` is: a folder, a manifest or an `.npz`.

        Args:
            path: What to open.
            task: `"multi_label"` or `"multi_class"`; by default what the data say.
            allow: Checks to go on in spite of.

        Raises:
            ConfigError: There is nothing there, or nothing of these kinds.
            DataError: What is there cannot be used.
        """
        return cls._from(open_any(Path(path), task=task, allow=allow))

    def _listing(self) -> Listing:
        return Listing(**{item.name: getattr(self, item.name) for item in fields(Listing)})

    @classmethod
    def _from(cls, listing: Listing) -> Dataset:
        return cls(**{item.name: getattr(listing, item.name) for item in fields(Listing)})

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"Dataset({len(self):,} images, {len(self.classes)} classes)"

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each row."""
        return tuple(row.name for row in self.rows)

    @property
    def has_splits(self) -> bool:
        """Whether every row belongs to a split."""
        return bool(self.rows) and all(row.split for row in self.rows)

    @property
    def split_counts(self) -> dict[str, int]:
        """Rows in each split that any row belongs to."""
        counts = Counter(row.split for row in self.rows)
        return {name: counts[name] for name in SPLITS if counts[name]}

    def class_counts(self) -> dict[str, int]:
        """Return the number of rows with each class, in the order of `classes`."""
        counts = Counter(label for row in self.rows for label in row.labels)
        return {name: counts[name] for name in self.classes}

    def part(self, name: str) -> Dataset:
        """Return the rows of one split.

        Raises:
            ConfigError: `name` is no split.
            DataError: No row belongs to it.
        """
        if name not in SPLITS:
            raise unknown_name("split", name, SPLITS)
        found = self._rows_of(name)
        if not found.rows:
            counts = self.split_counts
            shown = ", ".join(f"{split} ({count:,})" for split, count in counts.items())
            raise DataError(
                f"No image belongs to the {name} split; found {shown or 'no splits'}.",
                expected=f"a {name} folder, or rows that a manifest assigns to {name}",
                fix="split the data, or name another split",
                code="no_such_split",
            )
        return found

    def _rows_of(self, split: str) -> Dataset:
        return replace(self, rows=tuple(row for row in self.rows if row.split == split))

    def without(self, names: Collection[str]) -> Dataset:
        """Return the dataset without the rows of these names; the classes stay as they are.

        Raises:
            ConfigError: A name is not there.
        """
        leaving = frozenset(names)
        unknown = sorted(leaving - set(self.names))
        if unknown:
            raise ConfigError(
                f"{counted(len(unknown), 'name')} not in the dataset:\n{listed(unknown)}",
                expected="names of its rows",
                code="unknown_row",
            )
        return replace(self, rows=tuple(row for row in self.rows if row.name not in leaving))

    def with_splits(self, splits: Mapping[str, str | None]) -> Dataset:
        """Return the dataset with the splits of some rows set: a record of earlier splits, say.

        Args:
            splits: Row name to split; None takes the row's split away. Other rows keep theirs.
        """
        rows = (row.with_split(splits.get(row.name, row.split)) for row in self.rows)
        return replace(self, rows=tuple(rows))

    def without_splits(self) -> Dataset:
        """Return the union of all splits, undecided: for splitting it anew."""
        return self.with_splits(dict.fromkeys(self.names))

    def split(
        self,
        train: float = 0.7,
        validation: float = 0.15,
        test: float = 0.15,
        *,
        seed: int = 0,
        near_duplicates: bool = True,
        contents: Sequence[Content] | None = None,
        allow: Collection[str] = (),
    ) -> tuple[Dataset, Dataset, Dataset]:
        """Split by a seeded hash of each image's content group; `dataset.split` states the promise.

        Rows that have a split keep it; where all have one, and validation or test is asked for but
        absent, it is taken out of train. For a new split of everything use `without_splits` first.

        Args:
            train: Share of the training split.
            validation: Share of the split that settings are chosen on.
            test: Share of the split that judges.
            seed: Another seed gives an independent split.
            near_duplicates: Keep near-identical images together, not only identical ones.
            contents: What `contents()` gave, if it was called before; else it is called now.
            allow: Checks to go on in spite of: `"small_class"`.

        Returns:
            The train, validation and test datasets; notices say what was bent.

        Raises:
            ConfigError: The shares are not shares.
            DataError: A class has fewer content groups than there are splits.
        """
        fractions = Fractions(train=train, validation=validation, test=test)
        contents = self.contents() if contents is None else contents
        pairs = list(aligned(self.rows, contents))
        groups = content_groups(
            [content for _, content in pairs],
            [row.group for row, _ in pairs],
            near_duplicates=near_duplicates,
        )
        done = assign_splits(self.rows, groups.keys, fractions, seed=seed, classes=self.classes)
        small = [finding for finding in done.notices if finding.check == "small_class"]
        if small and self.task == "multi_class" and "small_class" not in allow:
            raise refusal(small, expected="at least one group of each class for each split")
        rows = [row.with_split(s) for row, s in zip(self.rows, done.splits, strict=True)]
        softened = map(as_warning, done.notices)
        notices = (*self.notices, *softened, *groups.notices([row.name for row in rows]))
        whole = replace(self, rows=tuple(rows), notices=notices)
        first, second, third = (whole._rows_of(name) for name in SPLITS)
        return first, second, third

    def contents(
        self,
        *,
        index: ContentIndex | None = None,
        progress: Callable[[int, int], None] | None = None,
        workers: int | None = None,
    ) -> tuple[Content, ...]:
        """Read every image once: digest, header, perceptual hash, or the error; aligned with rows.

        Args:
            index: Where results are kept; the user's cache by default.
            progress: Called with (done, total).
            workers: Threads; as many as there are cores by default.
        """
        index = ContentIndex.default() if index is None else index
        sources = [row.source for row in self.rows]
        found = index.contents(sources, progress=progress, workers=workers)
        return tuple(
            content.checked(row.sha256) for row, content in zip(self.rows, found, strict=True)
        )

    def fingerprint(self, contents: Sequence[Content]) -> str:
        """Return a SHA-256 over what is learned from: digests, labels, groups, splits, classes.

        The same images under other names or in another order have the same fingerprint.
        """
        return fingerprint_of(self._listing(), contents)

    def label_indices(self, classes: Sequence[str] | None = None) -> np.ndarray:
        """Return the class of each row as an index, matched by name.

        Args:
            classes: The order to index into, a model's for instance; this dataset's by default.

        Returns:
            `int64` (n,).

        Raises:
            ConfigError: The dataset is multi-label.
            DataError: A row's class is not among `classes`.
        """
        if self.task != "multi_class":
            raise ConfigError(
                "A multi-label dataset has no single class for each image.",
                expected="label_matrix()",
                code="wrong_task",
            )
        places = self._places(classes)
        return np.array([places[row.labels[0]] for row in self.rows], np.int64)

    def label_matrix(self, classes: Sequence[str] | None = None) -> np.ndarray:
        """Return 1 where a row has a class and 0 elsewhere: `float32` (n, k), matched by name.

        Args:
            classes: The columns; this dataset's classes by default.

        Raises:
            DataError: A row's class is not among `classes`.
        """
        places = self._places(classes)
        matrix = np.zeros((len(self.rows), len(places)), np.float32)
        for i, row in enumerate(self.rows):
            matrix[i, [places[label] for label in row.labels]] = 1
        return matrix

    def _places(self, classes: Sequence[str] | None) -> dict[str, int]:
        places = {name: i for i, name in enumerate(self.classes if classes is None else classes)}
        unknown = sorted({label for row in self.rows for label in row.labels} - places.keys())
        if unknown:
            raise DataError(
                f"Unknown {counted(len(unknown), 'class', 'classes')}:\n{listed(unknown)}",
                expected=f"one of {', '.join(places)}",
                fix="rename them, or leave these images out",
                code="unknown_label",
            )
        return places

    def save_manifest(self, path: AnyPath, *, contents: Sequence[Content] | None = None) -> None:
        """Write the rows as JSON Lines, paths relative to `root`; `from_manifest` reads them back.

        Args:
            path: A name that ends in `.jsonl`.
            contents: What `contents()` gave: each row then carries its digest, and content that
                has changed is refused when it is read.

        Raises:
            ConfigError: Another suffix.
            DataError: Images that are not files under the root.
        """
        listing = self._listing()
        if contents is not None:
            rows = tuple(
                replace(row, sha256=row.sha256 or content.digest or None)
                for row, content in aligned(self.rows, contents)
            )
            listing = replace(listing, rows=rows)
        write_manifest(Path(path), listing)

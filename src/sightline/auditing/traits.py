"""What is known of an image that is no part of what it shows, as small numbers for `shortcut`.

A trait is a few columns of small codes: kinds (the camera) by number, measures (the file's size)
by which sixteenth of the set they fall into. Making codes never looks at labels.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

import numpy as np

from sightline.dataset import SPLITS, Content, Row
from sightline.dataset.records import Severity

Pair = tuple[Row, Content]
Value = str | float | None

_BINS = 16
_MOST_KINDS = 64
_NUMBER = re.compile(r"(\d{1,15})\D*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trait:
    """One thing that may give the label away.

    Args:
        words: What it is, as the subject of a sentence.
        columns: Each gives one value of an image, None where it is unknown: words are kinds,
            numbers are measures.
        skill: The excess over chance that is large, as a share of the most there could be: more
            for what depends on the picture too.
        severity: Of a finding: a warning if a model can see it, in the pixels or by how they came
            about.
        fix: What to do about it.
    """

    words: str
    columns: tuple[Callable[[Pair], Value], ...]
    fix: str
    skill: float = 0.3
    severity: Severity = "warning"


def codes(pairs: Sequence[Pair], trait: Trait) -> np.ndarray:
    """Return the codes of a trait: int64 (n, columns), each column from 0 on."""
    return np.stack([_coded([column(pair) for pair in pairs]) for column in trait.columns], axis=1)


def _coded(values: Sequence[Value]) -> np.ndarray:
    if any(isinstance(value, str) for value in values):
        common = Counter(values).most_common(_MOST_KINDS)
        numbers = {value: number for number, (value, _) in enumerate(common)}
        return np.array([numbers.get(value, _MOST_KINDS) for value in values])
    known = np.array([np.nan if value is None else float(value) for value in values])
    measured = known[~np.isnan(known)]
    if not measured.size:
        return np.zeros(len(values), np.int64)
    # Few different values are told apart as they are: two sizes of photo are two kinds.
    different = np.unique(measured)
    if len(different) > _BINS:
        different = np.unique(np.quantile(measured, np.arange(_BINS) / _BINS, method="lower"))
    # What is unknown is a bin of its own, the last.
    found = np.searchsorted(different, known, "right")
    return np.where(np.isnan(known), len(different) + 1, found)


def _header(pair: Pair, name: str) -> float | None:
    header = pair[1].header
    return None if header is None else float(getattr(header, name))


def _taken(pair: Pair, of_day: bool) -> float | None:
    trace = pair[1].trace
    if trace is None or not trace.taken:
        return None
    moment = datetime.fromisoformat(trace.taken)
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
    return float(seconds) if of_day else float(moment.toordinal())


def _number(pair: Pair) -> float | None:
    match = _NUMBER.search(PurePosixPath(pair[0].name).stem)
    return float(match[1]) if match else None


def _folder(pair: Pair) -> str:
    """Return the folders of an image but those that say its split or label."""
    row = pair[0]
    parts = PurePosixPath(row.name).parent.parts
    return "/".join(part for part in parts if part not in (*SPLITS, *row.labels))


def _border(place: int) -> Callable[[Pair], float | None]:
    return lambda pair: float(pair[1].look.border[place]) if pair[1].look else None


def _storage(pair: Pair) -> str | None:
    header = pair[1].header
    return None if header is None else f"{header.format} {header.mode}"


def column_traits(pairs: Sequence[Pair]) -> tuple[Trait, ...]:
    """Return a trait for each further column of the manifest: the camera, the site, the year."""
    names = dict.fromkeys(name for row, _ in pairs for name in row.extra)
    return tuple(
        Trait(
            words=f"The manifest's column {name!r}",
            columns=(_extra(name, pairs),),
            fix=f"if it tells how the images came about, {_COLLECT}; nothing, if it is the label "
            "in other words",
        )
        for name in names
    )


def _extra(name: str, pairs: Sequence[Pair]) -> Callable[[Pair], Value]:
    """Return what gives a column's value: a number if all that are given are numbers."""
    try:
        for row, _ in pairs:
            float(row.extra.get(name) or 0)
    except ValueError:
        return lambda pair: pair[0].extra.get(name, "")
    return lambda pair: float(pair[0].extra[name]) if pair[0].extra.get(name) else None


_SAVE_ALIKE = "save all images again in one way, from the originals if they differ in quality"
_NATURAL = 0.6
_COLLECT = "collect each class in the same ways, or measure on images from elsewhere"

TRAITS: Mapping[str, Trait] = {
    "size": Trait(
        words="The width and height",
        columns=(lambda pair: _header(pair, "width"), lambda pair: _header(pair, "height")),
        fix="crop or scale all classes alike before training",
        skill=_NATURAL,
    ),
    "file_size": Trait(
        words="The size of the file",
        columns=(lambda pair: float(pair[1].size),),
        fix=_SAVE_ALIKE,
        skill=_NATURAL,
    ),
    "compression": Trait(
        words="The JPEG compression",
        columns=(lambda pair: pair[1].trace.tables if pair[1].trace else "",),
        fix=_SAVE_ALIKE,
    ),
    "storage": Trait(words="The file format and colour mode", columns=(_storage,), fix=_SAVE_ALIKE),
    "camera": Trait(
        words="The camera model",
        columns=(lambda pair: pair[1].trace.camera if pair[1].trace else "",),
        fix=_COLLECT,
    ),
    "date": Trait(
        words="The date taken",
        columns=(lambda pair: _taken(pair, False), lambda pair: _taken(pair, True)),
        fix=_COLLECT,
    ),
    "border": Trait(
        words="The colour of the border",
        columns=tuple(_border(place) for place in range(12)),
        fix=f"crop the border away, or {_COLLECT}",
        skill=_NATURAL,
    ),
    # No model sees them, but they may tell of sessions, which it does see.
    "folder": Trait(words="The subfolder", columns=(_folder,), fix=_COLLECT, severity="info"),
    "number": Trait(
        words="The number in the file's name", columns=(_number,), fix=_COLLECT, severity="info"
    ),
}

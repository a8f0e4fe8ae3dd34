"""Planted faults: does the audit find what was put into clean photos, and nothing else?

    python benchmarks/planted_faults.py [--plantings 20] [--seed 0]        # some 10 s a planting

Each planting is drawn anew, into a copy of `clothing` in memory; the photos are not touched.

Faults: 12 corrupt files of 6 kinds, 40 identical copies across splits, and one class saved with
another JPEG quality. All must be found, and no other file be called corrupt or a copy.
Near duplicates: 400 photos edited, 20 for each cell of a fixed grid (resized to 0.5-0.9, JPEG
quality 30-90, brightness 0.7-1.3, 1-5 % of both width and height cropped away at a random place).
Recall: the share of edits in one reported set with their original. Precision: the share of true
pairs among all pairs of reported sets. The photos' own nearest pairs were judged by eye once, in
`clothing_pairs.json`; a reported pair of two photos that is not in it counts as false.

Ends with exit status 1 unless every fault was found, recall is 0.95 and precision 0.99 or more.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from sightline.auditing import Findings, audit
from sightline.dataset import Content, Dataset, Row
from sightline.images import BytesSource, FileSource

SHARED = Path(os.environ.get("SIGHTLINE_SHARED", "../shared")).resolve()
CLOTHING = SHARED / "data" / "clothing"
JUDGED = Path(__file__).with_name("clothing_pairs.json")
COPIES, EDITS, OF_EACH_KIND = 40, 400, 2
NEAR_CHECKS = ("near_duplicate", "near_conflict", "near_leak")

CORRUPT: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut in half": lambda data: data[: len(data) // 2],
    "without its end": lambda data: data[:-2],
    "a web page": lambda data: b"<!DOCTYPE html><html><body>404</body></html>",
    "zeros": lambda data: bytes(len(data)),
    "without its head": lambda data: data[:2] + data[len(data) // 3 :],
}


def resized(picture: Image.Image, scale: float, rng: np.random.Generator) -> bytes:
    size = (round(picture.width * scale), round(picture.height * scale))
    return saved(picture.resize(size, Image.Resampling.BICUBIC), 90)


def compressed(picture: Image.Image, quality: float, rng: np.random.Generator) -> bytes:
    return saved(picture, int(quality))


def brightened(picture: Image.Image, factor: float, rng: np.random.Generator) -> bytes:
    return saved(ImageEnhance.Brightness(picture).enhance(factor), 90)


def cropped(picture: Image.Image, share: float, rng: np.random.Generator) -> bytes:
    width, height = (round(side * (1 - share)) for side in picture.size)
    left = int(rng.integers(0, picture.width - width + 1))
    top = int(rng.integers(0, picture.height - height + 1))
    return saved(picture.crop((left, top, left + width, top + height)), 90)


Edit = Callable[[Image.Image, float, np.random.Generator], bytes]
GRID: tuple[tuple[str, Edit, tuple[float, ...]], ...] = (
    ("resize", resized, (0.5, 0.6, 0.7, 0.8, 0.9)),
    ("JPEG quality", compressed, (30, 45, 60, 75, 90)),
    ("brightness", brightened, (0.7, 0.8, 0.9, 1.15, 1.3)),
    ("crop", cropped, (0.01, 0.02, 0.03, 0.04, 0.05)),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plantings", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the first planting")
    arguments = parser.parse_args()
    if not CLOTHING.is_dir():
        raise SystemExit(f"No photos in {CLOTHING}: set SIGHTLINE_SHARED.")
    photos = Dataset.from_folder(CLOTHING)
    contents = photos.contents()
    began = time.perf_counter()
    lost, recalls, precisions = 0, [], []
    cells: Counter[tuple[str, float]] = Counter()
    for number in range(arguments.plantings):
        rng = np.random.default_rng(arguments.seed + number)
        missing = plant_faults(photos, rng)
        lost += len(missing)
        hits, (true, reported) = plant_near(photos, contents, rng)
        cells.update(hits)
        recalls.append(hits.total() / EDITS)
        precisions.append(true / reported)
        line = f"recall {recalls[-1]:.3f}, precision {true}/{reported}"
        print(f"planting {number + 1}: {', '.join(missing) or 'all faults found'}; {line}")
        sys.stdout.flush()
    tell(cells, recalls, precisions, arguments.plantings)
    print(f"{(time.perf_counter() - began) / arguments.plantings:.1f} s a planting")
    sound = not lost and np.mean(recalls) >= 0.95 and np.mean(precisions) >= 0.99
    sys.exit(0 if sound else 1)


def tell(
    cells: Counter[tuple[str, float]],
    recalls: Sequence[float],
    precisions: Sequence[float],
    plantings: int,
) -> None:
    each = plantings * EDITS // sum(len(values) for _, _, values in GRID)
    for kind, _, values in GRID:
        found = [cells[kind, value] / each for value in values]
        shown = " ".join(f"{value:g}: {share:.3f}" for value, share in zip(values, found))  # noqa: B905
        print(f"{kind:13} {np.mean(found):.3f}   ({shown})")
    print(f"recall {np.mean(recalls):.4f}, least {min(recalls):.4f}")
    print(f"precision {np.mean(precisions):.4f}, least {min(precisions):.4f}")


def plant_faults(photos: Dataset, rng: np.random.Generator) -> list[str]:
    """Plant the faults that must be found, and return what was missed or found falsely."""
    rows = list(photos.rows)
    label = str(rng.choice(photos.classes))
    quality = int(rng.choice([40, 50, 60, 90, 95]))
    for place, row in enumerate(rows):
        if row.labels == (label,):
            rows[place] = holding(row, saved(opened(row), quality))
    spots = rng.choice(len(rows), OF_EACH_KIND * len(CORRUPT) + COPIES, replace=False).tolist()
    corrupt: dict[str, str] = {}
    for kind, damage in CORRUPT.items():
        for _ in range(OF_EACH_KIND):
            place = spots.pop()
            rows[place] = holding(rows[place], damage(photos.rows[place].source.read()))
            corrupt[rows[place].name] = kind
    copies = set()
    for place in spots:
        row = rows[place]
        other = str(rng.choice([s for s in ("train", "validation", "test") if s != row.split]))
        copy = replace(row, source=renamed(row.source, f"{other}/copy-{place}.jpg"), split=other)
        rows.append(copy)
        copies.add(frozenset((row.name, copy.name)))
    found = audit(Dataset(rows=tuple(rows), classes=photos.classes))
    return list(missed(found, corrupt, copies, label))


def missed(
    found: Findings, corrupt: dict[str, str], copies: set[frozenset[str]], label: str
) -> Iterator[str]:
    unreadable = {path for finding in found.of("unreadable") for path in finding.paths}
    yield from (f"corrupt file missed: {corrupt[name]}" for name in corrupt.keys() - unreadable)
    yield from (f"called corrupt: {name}" for name in unreadable - corrupt.keys())
    leaks = {frozenset(finding.paths) for finding in found.of("leak")}
    # The photos hold one identical pair in two splits of their own.
    yield from (
        f"copy missed: {sorted(pair)}" for pair in copies - leaks if not within(pair, leaks)
    )
    shortcuts = [finding.message for finding in found.of("shortcut")]
    if not any("compression" in text and repr(label) in text for text in shortcuts):
        yield f"shortcut missed: {label}"
    yield from (f"shortcut invented: {text}" for text in shortcuts if repr(label) not in text)


def within(pair: frozenset[str], sets: set[frozenset[str]]) -> bool:
    return any(pair < each for each in sets)


def plant_near(
    photos: Dataset, contents: Sequence[Content], rng: np.random.Generator
) -> tuple[Counter[tuple[str, float]], tuple[int, int]]:
    """Plant edits; return those found, by kind and degree, and (true, all) pairs reported."""
    cells = [(kind, edit, value) for kind, edit, values in GRID for value in values]
    rows, origins = list(photos.rows), {row.name: row.name for row in photos}
    edits: dict[tuple[str, str], tuple[str, float]] = {}
    for number, place in enumerate(rng.choice(len(photos), EDITS, replace=False).tolist()):
        kind, edit, value = cells[number % len(cells)]
        row = photos.rows[place]
        name = f"edited/{number}.jpg"
        source = BytesSource(edit(opened(row), value, rng), name)
        rows.append(replace(row, source=source, split=str(rng.choice(["train", "test"]))))
        origins[name] = row.name
        edits[row.name, name] = (kind, value)
    found = audit(Dataset(rows=tuple(rows), classes=photos.classes))
    pairs = {
        tuple(sorted(pair))
        for check in NEAR_CHECKS
        for finding in found.of(check)
        for pair in combinations(finding.paths, 2)
    }
    hits = Counter(cell for pair, cell in edits.items() if tuple(sorted(pair)) in pairs)
    same = judged(photos, contents)
    true = sum(is_true(origins[first], origins[second], same) for first, second in pairs)
    return hits, (true, len(pairs))


def is_true(first: str, second: str, same: set[frozenset[str]]) -> bool:
    return first == second or frozenset((first, second)) in same


def judged(photos: Dataset, contents: Sequence[Content]) -> set[frozenset[str]]:
    """Return the names of those pairs of photos that are one picture, as people saw."""
    names: dict[str, list[str]] = {}
    for row, content in zip(photos, contents, strict=True):
        names.setdefault(content.digest, []).append(row.name)
    pairs = {frozenset(pair) for copies in names.values() for pair in combinations(copies, 2)}
    for entry in json.loads(JUDGED.read_text())["pairs"]:
        first, second = entry["digests"]
        if entry["same"]:
            pairs |= {frozenset((a, b)) for a in names[first] for b in names[second]}
    return pairs


def opened(row: Row) -> Image.Image:
    return Image.open(io.BytesIO(row.source.read())).convert("RGB")


def saved(picture: Image.Image, quality: int) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def holding(row: Row, data: bytes) -> Row:
    return replace(row, source=BytesSource(data, row.name))


def renamed(source: FileSource | BytesSource, name: str) -> FileSource | BytesSource:
    return replace(source, name=name)


if __name__ == "__main__":
    main()

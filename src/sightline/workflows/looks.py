"""The sealed test: who looked at the test images of a model, and how often.

A test figure is honest as long as nothing was chosen by it. Nobody can be kept from looking,
but the looks can be counted. The model file stays as it is, since its digest is what others pin:
the looks are lines in a ledger beside it, `NAME.looks.jsonl`, and in one of the user. What either
knows counts, by the weights: a copy of a model, or one with other rules, has been looked at as
often as the model. Whoever deletes both ledgers forgets the looks.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sightline import __version__
from sightline.dataset.records import counted
from sightline.errors import MachineError
from sightline.files import cache_directory, canonical_json, printable, sha256_bytes
from sightline.files.ledger import append_line, read_lines
from sightline.models.bundle import WEIGHTS, Bundle

SUFFIX = ".looks.jsonl"
_USER_LEDGER = "looks.jsonl"
_PAGE = "docs/evaluation.md#the-sealed-test"


@dataclass(frozen=True, kw_only=True)
class Look:
    """One time that a model was judged by its test images.

    Attributes:
        time: UTC, ISO 8601.
        command: Which verb looked.
        part: `"test"`; looks at other parts are nobody's business.
        model: SHA-256 of the weights: what is judged, whatever its file is called.
        images: SHA-256 over the judged images' digests, in no order.
        n: How many images were judged.
        accuracy: What was seen.
        version: Of Sightline.
    """

    time: str
    command: str
    part: str
    model: str
    images: str
    n: int
    accuracy: float | None
    version: str


@dataclass(frozen=True, kw_only=True)
class Looks:
    """All looks at the test images of one model, the present one included.

    Attributes:
        path: The ledger beside the model.
        model: The looks at these weights, by whatever name, the oldest first.
        models: How many models the images of the last look have judged, this one included.
        notices: What went wrong with the ledgers.
    """

    path: Path
    model: tuple[Look, ...]
    models: int
    notices: tuple[str, ...] = ()

    def notes(self) -> tuple[str, ...]:
        """Return what a user should know, from the second look or the second model on."""
        return (*self.own_notes(), *self.notes_on_images())

    def own_notes(self, prefix: str = "") -> tuple[str, ...]:
        """Return what there is to know of this one model.

        Args:
            prefix: What a note begins with.
        """
        notes = list(self.notices)
        if len(self.model) > 1:
            verbs = Counter(look.command for look in self.model)
            counts = ", ".join(f"{verb} {count}" for verb, count in verbs.items())
            notes.append(f"{prefix}test read {len(self.model)} times: {counts} ({_PAGE})")
        return tuple(notes)

    def notes_on_images(self) -> tuple[str, ...]:
        """Return what there is to know of the images, whichever models they judged."""
        if self.models < 2:
            return ()
        return (
            f"these test images have judged {self.models} models here: the best of several "
            f"looks better than it is ({_PAGE})",
        )

    def to_json(self) -> dict[str, Any]:
        """Return the counts."""
        return {"count": len(self.model), "models": self.models}


def ledger_of(model: Path) -> Path:
    """Return where the looks at the model file `model` are written down."""
    return model.with_suffix(SUFFIX)


def record_look(
    path: Path, bundle: Bundle, *, command: str, part: str, images: Iterable[str], accuracy: float
) -> Looks | None:
    """Write down one look at the test images of a model.

    A ledger that cannot be written is a notice and no error: the figures are right all the same.
    A training that ends twice with the same weights, since a kill came between its look and its
    model, has looked once.

    Args:
        path: The model file.
        bundle: What it holds.
        command: Which verb looked.
        part: What was looked at; only looks at `"test"` count, others give None.
        images: The digests of the judged images.
        accuracy: What was seen; NaN if nothing could be judged.
    """
    if part != "test":
        return None
    digests = sorted(images)
    look = Look(
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        part=part,
        model=sha256_bytes(bundle.members[WEIGHTS]),
        images=sha256_bytes("\n".join(digests).encode()),
        n=len(digests),
        accuracy=accuracy if math.isfinite(accuracy) else None,
        version=__version__,
    )
    ledgers, notices = _ledgers(path)
    is_training = command == "train"
    if is_training:
        look = _same_training(look, _united([_read(ledger)[0] for ledger in ledgers]))
    added = [_added(ledger, look, once=is_training) for ledger in ledgers]
    known = _united([found for found, _ in added])
    return Looks(
        path=ledger_of(path),
        model=tuple(one for one in known if one.model == look.model),
        models=len({one.model for one in known if one.images == look.images}),
        notices=(*notices, *(notice for _, told in added for notice in told)),
    )


def looks(path: Path, bundle: Bundle) -> tuple[Look, ...]:
    """Return the looks at a model that the ledgers know, the oldest first."""
    ledgers, _ = _ledgers(path)
    model = sha256_bytes(bundle.members[WEIGHTS])
    known = _united([_read(ledger)[0] for ledger in ledgers])
    return tuple(look for look in known if look.model == model)


def _ledgers(path: Path) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Return the ledgers that know of a model, and what went wrong."""
    beside = ledger_of(path)
    try:
        return (cache_directory() / _USER_LEDGER, beside), ()
    except OSError as error:
        return (beside,), (f"No cache to remember this look in: {error}.",)


def _united(ledgers: Iterable[Iterable[Look]]) -> tuple[Look, ...]:
    """Return all looks, the oldest first; one that is in several ledgers is one look.

    Two looks within a second may be equal: each ledger has both then, so the most counts.
    """
    counts: Counter[Look] = Counter()
    for found in ledgers:
        counts |= Counter(found)
    return tuple(sorted(counts.elements(), key=lambda look: look.time))


def _same_training(look: Look, known: Iterable[Look]) -> Look:
    """Return the look that this training has already left, else `look`."""
    what = (look.command, look.model, look.images)
    return next((one for one in known if (one.command, one.model, one.images) == what), look)


def _added(path: Path, look: Look, *, once: bool) -> tuple[tuple[Look, ...], tuple[str, ...]]:
    """Return all looks in a ledger once `look` is added, and what went wrong."""
    found, notices = _read(path)
    if once and look in found:
        return found, notices
    try:
        append_line(path, canonical_json(asdict(look)))
    except MachineError as error:
        return (*found, look), (*notices, f"This look is not on record: {error.what}")
    return _read(path)


def _read(path: Path) -> tuple[tuple[Look, ...], tuple[str, ...]]:
    try:
        lines = read_lines(path)
    except OSError as error:
        return (), (f"{printable(path)} cannot be read: {error.strerror or error}.",)
    found = [look for look in map(_look, lines) if look is not None]
    torn = len(lines) - len(found)
    what = f"{counted(torn, 'damaged line')} in {printable(path)}: not counted."
    notices = (what,) if torn else ()
    return tuple(found), notices


def _look(line: str) -> Look | None:
    """Return what a line says; None for one that a kill or a hand has damaged."""
    try:
        look = Look(**json.loads(line))
    except (ValueError, TypeError, RecursionError):
        return None
    words = (look.time, look.command, look.part, look.model, look.images, look.version)
    numbers = (look.n, 0.0 if look.accuracy is None else look.accuracy)
    whole = all(isinstance(word, str) for word in words)
    return look if whole and all(isinstance(number, int | float) for number in numbers) else None

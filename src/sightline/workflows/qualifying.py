"""What was tried, which of it qualifies, and which of that wins.

Of many ways that all lose too much, one in twenty would seem good enough by luck. So they are asked
in an order that is given before, those first that should change least, and after one that is not
shown to be good enough no other counts: however many are tried, the chance that any of them is
taken wrongly stays at about 5 %. Training for 8 bits, after that, is a second attempt; where it may
come to that, it has 1 of the 5 %, and all before it have 4.

Source: A. N. Angelopoulos et al., "Learn then Test: Calibrating Predictive Algorithms to Achieve
Risk Control", 2021 (fixed sequence testing).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sightline.errors import CheckFailedError, SightlineError
from sightline.evaluation import Comparison
from sightline.evaluation.noninferiority import CONFIDENCE, Turned
from sightline.exporting import LayerLoss
from sightline.models.bundle import Bundle
from sightline.workflows.export import Exported

Preference = Literal["speed", "size"]
PREFERENCES: tuple[Preference, ...] = ("speed", "size")
BEFORE_TRAINING, AFTER_TRAINING = 0.96, 0.99
"""Of the limits, where training for 8 bits may follow."""
_ALIKE = 1.1
"""Times, and sizes, that differ by less than this are the same: runs differ by as much."""


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What the winner has to be.

    Attributes:
        most_drop: The drop in accuracy that must be excluded.
        prefer: Whether the fastest or the smallest of those that qualify wins.
    """

    most_drop: float = 0.01
    prefer: Preference = "speed"


@dataclass(frozen=True, kw_only=True, eq=False)
class Tried:
    """One candidate and what was found of it.

    Attributes:
        name: Of the way it was made.
        bundle: What it was made of.
        eight_bits: Whether it computes in them.
        exported: It, proven; None where it disagreed with its source.
        refused: Why it was refused; None where it was not.
        against: The model that was asked for and this one, on the selecting images; None where it
            was refused.
        agreement: Share of these images that both answer alike.
        same: Whether it is proven to be the same function, which needs no images to show it.
        limit: The one-sided upper limit of the drop in accuracy on the selecting images.
        confidence: Of the limit.
        shown: Whether the drop is shown to be within what is allowed.
        needed: How many images would let it qualify, if answers turn as often: those that it
            needs itself, and those before it; None where none would.
        milliseconds: For one image, the lower quartile of many times.
        qualified: Whether that is shown, and of all before it, too (`in_turn`).
    """

    name: str
    bundle: Bundle
    eight_bits: bool = False
    exported: Exported | None = None
    refused: SightlineError | None = None
    against: Comparison | None = None
    agreement: float | None = None
    same: bool = False
    limit: float = 1.0
    confidence: float = CONFIDENCE
    shown: bool = False
    needed: int | None = None
    milliseconds: float = float("nan")
    qualified: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the figures."""
        timed = self.exported is not None
        return {
            "name": self.name,
            "bytes": self.exported and self.exported.export.size,
            "milliseconds": self.milliseconds if timed else None,
            "agreement": self.agreement,
            "gain": self.against and self.against.gain.to_json(),
            "drop_limit": self.limit,
            "confidence": self.confidence,
            "images_needed": self.needed,
            "shown": self.shown,
            "qualified": self.qualified,
            "refused": self.refused and self.refused.what,
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Choice:
    """What was tried, and what was chosen.

    Attributes:
        tried: All candidates, in the order in which they were tried.
        chosen: The winner.
        judged: The winner against the source on images that did not select; None where there
            are none.
        losses: What eight bits do in each layer, the worst first; empty where nobody looked.
    """

    tried: tuple[Tried, ...]
    chosen: Tried
    judged: Comparison | None
    losses: tuple[LayerLoss, ...]

    @property
    def exported(self) -> Exported:
        """The winner, ready to be written."""
        if self.chosen.exported is None:
            raise ValueError("a refused candidate was chosen")
        return self.chosen.exported

    @property
    def model(self) -> Bundle:
        """What the winner was made of: the model that was asked for, or that trained for 8 bits."""
        return self.chosen.bundle

    def to_json(self) -> dict[str, Any]:
        """Return the figures."""
        return {
            "candidates": [one.to_json() for one in self.tried],
            "chosen": self.chosen.name,
            "judged": self.judged and self.judged.to_json(),
            "layers": [
                {"name": loss.layer.title, "kind": loss.layer.kind, "error": loss.error}
                for loss in self.losses
            ],
        }


def compared_to(tried: Tried, most_drop: float, confidence: float) -> Tried:
    """Return what was tried with what its answers show of its drop in accuracy.

    Args:
        tried: One way.
        most_drop: The drop that must be excluded.
        confidence: Of the limit, one-sided.
    """
    if tried.against is None:
        return tried
    turned = Turned.of(tried.against)
    limit = turned.limit(confidence)
    return replace(
        tried,
        limit=limit,
        confidence=confidence,
        shown=limit <= most_drop,
        needed=turned.needed(most_drop, confidence),
    )


def in_turn(tried: Iterable[Tried]) -> list[Tried]:
    """Return what was tried, of which those qualify before which nothing failed to be shown.

    Args:
        tried: In the order that was given before. What could not be made is passed over; what
            disagrees with its source has failed.
    """
    found: list[Tried] = []
    counts = True
    most_needed: int | None = 0
    for one in tried:
        if one.same or not isinstance(one.refused, CheckFailedError | None):
            found.append(replace(one, qualified=one.same))
            continue
        counts = counts and one.shown
        if one.needed is None or most_needed is None:
            most_needed = None
        else:
            most_needed = max(most_needed, one.needed)
        found.append(replace(one, qualified=counts, needed=most_needed))
    return found


def best(qualified: Sequence[Tried], prefer: Preference) -> Tried:
    """Return the smallest, or the fastest.

    Of those as fast as the fastest it is the smallest, of those as small the one that loses least,
    and of equals the first that was tried.

    Args:
        qualified: At least one.
        prefer: What decides.
    """
    if prefer == "size":
        return min(qualified, key=lambda one: (_size(one), one.milliseconds))
    fastest = min(one.milliseconds for one in qualified)
    fast = [one for one in qualified if one.milliseconds <= _ALIKE * fastest]
    smallest = min(map(_size, fast))
    return min((one for one in fast if _size(one) <= _ALIKE * smallest), key=lambda one: one.limit)


def _size(one: Tried) -> float:
    return float("inf") if one.exported is None else one.exported.export.size

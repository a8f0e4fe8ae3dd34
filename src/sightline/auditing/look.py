"""Images on which there is little to see: blank, too dark, too light, blurred.

The thresholds are set where photos that people kept are almost never flagged. Measured on the
2,530 photos of clothing, 1,000 of hand signs and 10,000 of CIFAR-10: blank 0, dark 0, 0 and 2
(animals at night), light 0, 0 and 2 (an aeroplane in fog), blurred 0. Blurred by a Gaussian of
1/60 of the short side, all of 150 clothing photos and of 150 signs are found; of 1/100, a third
of the former.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from sightline.auditing.check import Check, Evidence
from sightline.auditing.marking import mark
from sightline.dataset import Finding
from sightline.images import Look

_FAINT = 4
_DARK, _DARK_CONTRAST = 32, 24
_LIGHT, _LIGHT_CONTRAST = 230, 20
_BLURRED = 0.14


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """One way in which an image shows little.

    Args:
        name: Of the check.
        title: Of the check.
        fits: Whether a look is of that kind.
        what: What such images are.
        fix: What to do about them.
    """

    name: str
    title: str
    fits: Callable[[Look], bool]
    what: str
    fix: str = "look at them; leave them out if nothing can be seen"


# In order: an image counts for the first rule that fits. A blank one is dark or blurred too.
_RULES = (
    _Rule(
        name="blank",
        title="images of one plain colour",
        fits=lambda look: look.contrast < _FAINT,
        what="blank or nearly so",
    ),
    _Rule(
        name="dark",
        title="images too dark to see much",
        fits=lambda look: look.brightness < _DARK and look.contrast < _DARK_CONTRAST,
        what="too dark to see much",
    ),
    _Rule(
        name="light",
        title="images too light to see much",
        fits=lambda look: look.brightness > _LIGHT and look.contrast < _LIGHT_CONTRAST,
        what="too light to see much",
    ),
    _Rule(
        name="blurred",
        title="images without sharp detail",
        fits=lambda look: look.sharpness < _BLURRED,
        what="blurred",
        fix="look at them; leave them out if what matters cannot be seen",
    ),
)


def _kind(look: Look) -> str:
    return next((rule.name for rule in _RULES if rule.fits(look)), "")


def _find(rule: _Rule, evidence: Evidence) -> Iterable[Finding]:
    """Return one finding that lists the images of a kind."""
    seen = [(row.name, content.look) for row, content in evidence.pairs if content.look]
    names = [name for name, look in seen if _kind(look) == rule.name]
    return mark(names, len(seen), check=rule.name, what=rule.what, fix=rule.fix)


LOOK_CHECKS = tuple(
    Check(name=rule.name, title=rule.title, find=partial(_find, rule), may_leave_out=True)
    for rule in _RULES
)

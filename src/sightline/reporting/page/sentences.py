"""What figures mean, in plain sentences that stand beside them."""

from __future__ import annotations

from sightline.evaluation import Estimate

_PARTS = {
    "test": ("test image", "test images"),
    "validation": ("validation image", "validation images"),
    "new": ("new image", "new images"),
}


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return `"1 image"`, `"2 images"`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def images(number: int, part: str) -> str:
    """Return `"372 test images"`."""
    return counted(number, *_PARTS.get(part, ("image", "images")))


def between(estimate: Estimate) -> str:
    """Return `"0.83 and 0.91"`, limits rounded outward."""
    interval = estimate.figures[1]
    for dash in (" to ", "-"):
        if dash in interval:
            return interval.replace(dash, " and ", 1)
    return interval


def interval(estimate: Estimate) -> str:
    """Return `"0.83 to 0.91"`, empty where nothing is defined."""
    return between(estimate).replace(" and ", " to ")


def share_of(estimate: Estimate, part: str) -> str:
    """Return the sentence for a share of images that are answered right."""
    if not estimate.defined:
        return "No image was judged, so there is no accuracy."
    right = round(estimate.value * estimate.n)
    return (
        f"Right for {right:,} of {images(estimate.n, part)}: {estimate.figures[0]}, and between "
        f"{between(estimate)} if other images from the same source had been drawn."
    )


def value(estimate: Estimate) -> str:
    """Return the value, or a dash where none is defined."""
    return estimate.figures[0] if estimate.defined else "–"


def signed(estimate: Estimate) -> str:
    """Return a difference with its sign, as `"+0.012"` or `"−0.104"`."""
    if not estimate.defined:
        return "–"
    return f"{estimate.value:+.3f}".replace("-", "−")


def readable(time: str) -> str:
    """Return an ISO 8601 time in UTC as people read it."""
    return time.replace("T", " ").replace("+00:00", " UTC").replace("Z", " UTC")

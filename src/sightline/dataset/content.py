"""What one pass over an image's bytes tells: digest, header, hash, look, trace, or the error.

The pixels are decoded to the end, so a truncated file is found here and not in an epoch; they
are decoded small, and not kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from PIL import Image

from sightline.errors import ImageError
from sightline.files import sha256_bytes
from sightline.images.colours import WHITE
from sightline.images.decoding import open_image
from sightline.images.hashing import HASH_SIDE, picture_hashes, pixel_digest
from sightline.images.headers import ImageHeader, Limits
from sightline.images.looks import Look, picture_looks
from sightline.images.sources import ArraySource, Source
from sightline.images.traces import Trace, make_trace, read_trace

VERSION = 2
"""Of what is computed here, beside the decoder's own version."""

_LIMITS = Limits()
_SMALL = 4 * HASH_SIDE**2
"""Pixels of a picture that may wait in memory for others."""
_TOGETHER = 32
"""Pictures measured at once: few enough to stay in the processor's cache."""
_PASSING = frozenset(
    {"unreadable", "unsafe_path", "out_of_memory", "too_many_bytes", "unsupported_format"}
)
_SCALING_NOTES = frozenset({"scaled_while_decoding", "grey_repeated"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What is known of one image from its bytes.

    Args:
        digest: SHA-256 of the file's bytes (of shape and pixels for an array); empty if they
            could not be read.
        size: In bytes.
        header: None if the image cannot be decoded.
        notes: What the decoder met; see `images.decoding`.
        perceptual_hash: Alike for pictures that look alike; None if the image cannot be decoded.
        inner_hash: The same of the picture without its margin; None where there is no such hash.
        look: How the picture looks; None if the image cannot be decoded.
        trace: What the file tells beside its picture; None if nothing.
        error: Why the image cannot be used; no part of equality.
    """

    digest: str
    size: int
    header: ImageHeader | None = None
    notes: tuple[str, ...] = ()
    perceptual_hash: bytes | None = None
    inner_hash: bytes | None = None
    look: Look | None = None
    trace: Trace | None = None
    error: ImageError | None = field(default=None, compare=False)

    @property
    def ok(self) -> bool:
        """Whether the image can be used."""
        return self.error is None

    @property
    def is_lasting(self) -> bool:
        """Whether another look at the same bytes on this machine would tell the same."""
        return bool(self.digest) and (self.error is None or self.error.code not in _PASSING)

    def checked(self, sha256: str | None) -> Content:
        """Return the content with an error `hash_mismatch` if it is not what a manifest says."""
        if sha256 is None or sha256 == self.digest or not self.digest:
            return self
        return replace(
            self,
            error=ImageError(
                f"The content has changed: its SHA-256 is {self.digest}.",
                expected=f"{sha256}, as the manifest says",
                fix="restore the file, or correct the manifest",
                code="hash_mismatch",
            ),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the content as JSON-serialisable data."""
        error, look, trace = self.error, self.look, self.trace
        return {
            "digest": self.digest,
            "size": self.size,
            "header": None if self.header is None else dict(vars(self.header)),
            "notes": list(self.notes),
            "hash": _hex(self.perceptual_hash),
            "inner": _hex(self.inner_hash),
            "look": look and [look.brightness, look.contrast, look.sharpness, look.border.hex()],
            "trace": trace and [trace.tables, trace.quality, trace.camera, trace.taken],
            "error": error and [error.what, error.expected, error.fix, error.code],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Content:
        """Return what `to_json` gave.

        Raises:
            KeyError, TypeError, ValueError: It is not that.
        """
        header, error = value["header"], value["error"]
        look, trace = value["look"], value["trace"]
        return cls(
            digest=value["digest"],
            size=value["size"],
            header=None if header is None else ImageHeader(**header),
            notes=tuple(value["notes"]),
            perceptual_hash=_bytes(value["hash"]),
            inner_hash=_bytes(value["inner"]),
            look=None if look is None else _look(*look),
            trace=None if trace is None else make_trace(*trace),
            error=None if error is None else _error(*error),
        )


def read_content(source: Source) -> Content:
    """Read and decode one image; never raises for what the image is."""
    return read_contents([source])[0]


def read_contents(sources: Sequence[Source]) -> list[Content]:
    """Read and decode images one after the other, and measure the small ones together."""
    found: list[Content | None] = []
    waiting: list[_Opened] = []
    for source in sources:
        read = _read(source)
        if isinstance(read, Content):
            found.append(read)
        elif read.picture.width * read.picture.height > _SMALL:
            found.append(_measured([read])[0])
        else:
            found.append(None)
            waiting.append(read)
    parts = (waiting[start : start + _TOGETHER] for start in range(0, len(waiting), _TOGETHER))
    measured = chain.from_iterable(map(_measured, parts))
    return [next(measured) if content is None else content for content in found]


def _measured(opened: Sequence[_Opened]) -> list[Content]:
    pictures = [one.picture for one in opened]
    lumas = [picture.convert("L") for picture in pictures]
    return [
        one.known(perceptual_hash=hashed.whole, inner_hash=hashed.inner, look=look)
        for one, hashed, look in zip(
            opened, picture_hashes(lumas), picture_looks(pictures, lumas), strict=True
        )
    ]


class _Opened(NamedTuple):
    """All that is known of an image but what its pixels tell, and those."""

    known: partial[Content]
    picture: Image.Image


def _read(source: Source) -> Content | _Opened:
    try:
        data = source.read()
    except ImageError as error:
        return Content(digest="", size=0, error=error)
    digest = pixel_digest(source.pixels) if isinstance(source, ArraySource) else sha256_bytes(data)
    try:
        opened = open_image(
            data, channels=3, background=WHITE, at_least=(HASH_SIDE, HASH_SIDE), limits=_LIMITS
        )
    except ImageError as error:
        return Content(digest=digest, size=len(data), error=error)
    notes = tuple(note for note in opened.notes if note not in _SCALING_NOTES)
    known = partial(
        Content,
        digest=digest,
        size=len(data),
        header=opened.header,
        notes=notes,
        trace=read_trace(exif=opened.exif, tables=opened.tables),
    )
    return _Opened(known, opened.image)


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else bytes.fromhex(value)


def _look(brightness: float, contrast: float, sharpness: float, border: str) -> Look:
    return Look(
        brightness=brightness,
        contrast=contrast,
        sharpness=sharpness,
        border=bytes.fromhex(border),
    )


def _error(what: str, expected: str | None, fix: str | None, code: str) -> ImageError:
    return ImageError(what, expected=expected, fix=fix, code=code)

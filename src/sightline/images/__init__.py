"""From an image file, or whatever holds one, to the upright uint8 pixels that a model takes.

One decoder and one preprocessing for all of Sightline; needs no TensorFlow. `load` is the
whole way; `read_header`, `decode` and `preprocess` are its parts.
"""

from sightline.images.alignment import is_same_picture
from sightline.images.decoding import DecodedImage, decode, decoder_version, read_header
from sightline.images.fitting import FITS, Placement
from sightline.images.formats import SUFFIXES, SUPPORTED, promised_format, sniff
from sightline.images.hashing import (
    HASH_SIDE,
    NEAR_DUPLICATE_DISTANCE,
    hash_distance,
    perceptual_hash,
    pixel_digest,
)
from sightline.images.headers import ImageHeader, Limits
from sightline.images.looks import Look
from sightline.images.preprocessing import (
    INTERPOLATIONS,
    PreprocessedImage,
    Preprocessing,
    placement,
    preprocess,
    preprocess_pixels,
)
from sightline.images.refusals import CODES
from sightline.images.sources import (
    ArraySource,
    BytesSource,
    FileSource,
    Source,
    as_source,
    load,
    load_upright,
)
from sightline.images.traces import Trace

__all__ = [
    "CODES",
    "FITS",
    "HASH_SIDE",
    "INTERPOLATIONS",
    "NEAR_DUPLICATE_DISTANCE",
    "SUFFIXES",
    "SUPPORTED",
    "ArraySource",
    "BytesSource",
    "DecodedImage",
    "FileSource",
    "ImageHeader",
    "Limits",
    "Look",
    "Placement",
    "PreprocessedImage",
    "Preprocessing",
    "Source",
    "Trace",
    "as_source",
    "decode",
    "decoder_version",
    "hash_distance",
    "is_same_picture",
    "load",
    "load_upright",
    "perceptual_hash",
    "pixel_digest",
    "placement",
    "preprocess",
    "preprocess_pixels",
    "promised_format",
    "read_header",
    "sniff",
]

"""What a LiteRT file tells other programs of itself, in the words of TensorFlow Lite's metadata.

Android Studio, ML Kit, MediaPipe and Netron read it: what kind of pixels go in, what each output
is, and which file inside holds the names of the classes.

Source: metadata_schema.fbs of TensorFlow Lite Support ("M001"), whose numbers of fields stand here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np

ENTRY = b"TFLITE_METADATA"
"""Name of the entry in a LiteRT file's metadata."""
LABELS = "labels.txt"
_IDENTIFIER = b"M001"
_OLDEST_READER = "1.0.0"

Table = Mapping[int, Any]
"""A table of FlatBuffers: by the number of each field a text, a NumPy scalar or vector, a table, or
a list of tables."""

_AXIS_LABELS = np.int8(2)  # AssociatedFileType
_FEATURE, _IMAGE = np.uint8(1), np.uint8(2)  # ContentProperties
_NORMALISATION = np.uint8(1)  # ProcessUnitOptions
_COLOURS: Mapping[int, np.int8] = {1: np.int8(2), 3: np.int8(1)}
"""ColorSpaceType by the number of channels: grey, RGB."""
_DESCRIPTIONS: Mapping[str, str] = {
    "probabilities": "One for each class; labels.txt has their names.",
    "logits": "One for each class, before temperature and softmax or sigmoid.",
    "embedding": "What the last layer sees of the image.",
}


def metadata(told: Mapping[str, Any], outputs: Sequence[str]) -> bytes:
    """Return the metadata of a classifier.

    Args:
        told: `ExportCard.description`.
        outputs: What each output of the graph is, in their order there.
    """
    whole = {
        0: "Image classifier",
        1: f"Tells {len(told['classes'])} classes apart. sightline.json inside has the rest.",
        3: [{2: [_pixels(told["preprocessing"])], 3: [_output(name) for name in outputs]}],
        7: _OLDEST_READER,
    }
    builder = flatbuffers.Builder(1024)
    builder.Finish(_offset(builder, whole), _IDENTIFIER)
    return bytes(builder.Output())


def _pixels(preprocessing: Mapping[str, Any]) -> Table:
    size = {0: np.uint32(preprocessing["width"]), 1: np.uint32(preprocessing["height"])}
    nothing = {0: np.zeros(1, np.float32), 1: np.ones(1, np.float32)}
    return {
        0: "pixels",
        1: "Levels of 0 to 255, resized as sightline.json has it; scaling is inside the graph.",
        3: {0: _IMAGE, 1: {0: _COLOURS[preprocessing["channels"]], 1: size}},
        4: [{0: _NORMALISATION, 1: nothing}],
        5: {0: np.full(1, 255, np.float32), 1: np.zeros(1, np.float32)},
    }


def _output(name: str) -> Table:
    table: dict[int, Any] = {0: name, 1: _DESCRIPTIONS.get(name, ""), 3: {0: _FEATURE, 1: {}}}
    if name == "probabilities":
        table[5] = {0: np.ones(1, np.float32), 1: np.zeros(1, np.float32)}
    if name in ("probabilities", "logits"):
        table[6] = [{0: LABELS, 1: "The classes, in order.", 2: _AXIS_LABELS}]
    return table


_SLOTS: Mapping[type, str] = {
    np.int8: "PrependInt8Slot",
    np.uint8: "PrependUint8Slot",
    np.uint32: "PrependUint32Slot",
}


def _offset(builder: Any, value: Any) -> int:
    """Write a value and return where: what a table refers to stands before it."""
    if isinstance(value, str):
        return int(builder.CreateString(value))
    if isinstance(value, np.ndarray):
        return int(builder.CreateNumpyVector(value))
    if isinstance(value, list):
        places = [_offset(builder, one) for one in value]
        builder.StartVector(4, len(places), 4)
        for place in reversed(places):
            builder.PrependUOffsetTRelative(place)
        return int(builder.EndVector())
    inside = {slot: _offset(builder, one) for slot, one in value.items() if type(one) not in _SLOTS}
    builder.StartObject(max(value, default=-1) + 1)
    for slot, one in value.items():
        if slot in inside:
            builder.PrependUOffsetTRelativeSlot(slot, inside[slot], 0)
        else:
            getattr(builder, _SLOTS[type(one)])(slot, int(one), 0)
    return int(builder.EndObject())

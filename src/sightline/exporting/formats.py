"""The table of formats: what an export may be, what runs it, and how far it may differ, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from sightline.errors import ConfigError, unknown_name
from sightline.exporting.tuning import Tuning
from sightline.files import printable
from sightline.models.architecture import Architecture
from sightline.verification import FilesTolerance, Tolerance

Samples = Callable[[], Iterable[np.ndarray]]
"""Gives real pixels, uint8 (height, width, channels), one image after the other, at each call."""


@dataclass(frozen=True, kw_only=True)
class Precision:
    """In what numbers an export computes, and how far that may take it from its source.

    Attributes:
        name: For example `"float32"`.
        outputs: What its graph ends in.
        allowed: How far it may be from its source.
        reason: Why so far and no farther.
        samples: Training images that show which values occur; 0 where none help.
        without_samples: Whether it can be made without them, though less well.
        golden: How far a client's answers to the drawn pixels may be from the export's own.
        drop: The drop in accuracy that images may show, as a share.
        recalibrated: Whether temperature and rules are chosen anew from its own answers.
        learned: Whether a network that was trained for 8 bits (`models.quantized`) knows by itself
            what the training images would show.
        tuning: How values get 8 bits, where the format is tunable.
    """

    name: str
    outputs: tuple[str, ...] = ("probabilities", "logits", "embedding")
    allowed: Tolerance
    reason: str
    golden: Tolerance = Tolerance()
    samples: int = 0
    without_samples: bool = False
    drop: float = 0.0
    recalibrated: bool = False
    learned: bool = False
    tuning: Tuning = field(default_factory=Tuning)

    def samples_for(self, architecture: Architecture) -> int:
        """Return how many training images help to make an export of a network."""
        return 0 if self.learned and architecture.quantized else self.samples


@dataclass(frozen=True, kw_only=True)
class Converted:
    """What a converter gives.

    Attributes:
        files: Content of each file of the export, by its name for `inference.card.Place.member`:
            a suffix, or a path inside the folder.
        outputs: Name of the tensor for each output.
    """

    files: Mapping[str, bytes]
    outputs: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class ExportFormat:
    """One row of the table.

    Attributes:
        name: For example `"litert"`.
        suffix: Of its file or folder.
        convert: What makes it, as `"module:function"`: bundle, precision and samples (a function
            that gives pixels, or None) give a `Converted`.
        embed: What puts the card's description, as JSON text, into the format's own metadata, as
            `"module:function"`: files and text give files; None where it has no room for it.
        described: What reads that text back, as `"module:function"`: files give it, or None where
            they hold none; None where nothing does.
        precisions: By name; the first is the default.
        runtime: What runs it.
        accepts: What a client gives it.
        needs: What must be installed to make it.
        folder: Whether it is a folder.
        companions: Suffixes of files beside it that are part of it.
        reading: How far its own decoder of image files may be from ours; None where it takes
            pixels only.
        tunable: What knows how its int8 can be tuned, as `"module:class"`: bundle and precision
            give a `tuning.TunableGraph`; None where there is one way only.
    """

    name: str
    suffix: str
    convert: str
    embed: str | None = None
    described: str | None = None
    precisions: Mapping[str, Precision]
    runtime: str
    accepts: str
    needs: str
    folder: bool = False
    companions: tuple[str, ...] = ()
    reading: FilesTolerance | None = None
    tunable: str | None = None


def _precisions(*given: Precision) -> Mapping[str, Precision]:
    return {one.name: one for one in given}


def _table(formats: Iterable[ExportFormat]) -> Mapping[str, ExportFormat]:
    given = tuple(formats)
    table = {one.name: one for one in given}
    if len(table) < len(given) or len({one.suffix for one in given}) < len(given):
        raise ValueError("a format, or its suffix, stands twice in the table")
    return table


_EIGHT_BITS = Tolerance(difference=1.0, relative=None, agreement=0.9, mean=0.1, spread=0.8)
"""Probabilities may move far where two classes are close, so all images together are judged: their
answers, and how far all numbers are off (fine-tuned MobileNetV2: logits by 0.03 to 0.04 of their
spread, embeddings by 0.09; a network of two layers on small pictures by 0.1 and more)."""
_STEPS = Tolerance(difference=0.1, relative=0.1)
"""Between two runtimes of 8 bits, which round some values to the next step."""

_FLOAT32 = Precision(
    name="float32", allowed=Tolerance(), reason="rounding in another order of operations"
)
_FLOAT16 = Precision(
    name="float16",
    allowed=Tolerance(difference=2e-2, relative=2e-2, agreement=0.99),
    reason="weights keep 11 bits, one part in 2,000 each: 0.003 measured",
    golden=Tolerance(difference=2e-2, relative=2e-2),
)
_DYNAMIC = Precision(
    name="dynamic",
    allowed=_EIGHT_BITS,
    reason="weights keep 8 bits: answers near the border turn over",
    golden=_STEPS,
    drop=0.02,
    recalibrated=True,
    samples=200,
    without_samples=True,
)
_INT8 = Precision(
    name="int8",
    allowed=_EIGHT_BITS,
    reason="all values keep 8 bits: answers near the border turn over",
    golden=_STEPS,
    drop=0.02,
    recalibrated=True,
    samples=200,
    learned=True,
)

_LITERT = _precisions(_FLOAT32, _FLOAT16, _DYNAMIC, _INT8)

# One level has moved a probability by 0.06. Another resize is off by up to 99 levels, another order
# of channels by 255.
_TENSORFLOW = FilesTolerance(
    levels=16,
    mean_levels=0.5,
    difference=0.1,
    agreement=0.99,
    reason="another JPEG decoder: 1 level measured",
)
_BROWSER = FilesTolerance(
    levels=48,
    mean_levels=0.7,
    difference=0.06,
    agreement=0.99,
    reason="large JPEGs are decoded whole, which ours scales meanwhile",
)

_ONE_IMAGE = "uint8 pixels (1, height, width, channels)"
_IMAGES = "uint8 pixels (n, height, width, channels)"

FORMATS = _table(
    (
        ExportFormat(
            name="litert",
            suffix=".tflite",
            convert="sightline.exporting.litert:convert",
            embed="sightline.exporting.litert:embed",
            described="sightline.exporting.litert:described",
            precisions=_LITERT,
            runtime="LiteRT (ai-edge-litert), TensorFlow Lite",
            accepts=_ONE_IMAGE,
            needs="sightline[quantize]; float32 nothing",
            tunable="sightline.exporting.litert:Tunable",
        ),
        ExportFormat(
            name="onnx",
            suffix=".onnx",
            convert="sightline.exporting.onnx:convert",
            embed="sightline.exporting.onnx:embed",
            described="sightline.exporting.onnx:described",
            precisions=_precisions(
                _FLOAT32, _FLOAT16, replace(_INT8, outputs=("embedding", "logits"), learned=False)
            ),
            runtime="ONNX Runtime, from opset 17 on",
            accepts=_IMAGES,
            needs="sightline[train,onnx]",
            tunable="sightline.exporting.onnx_int8:Tunable",
        ),
        ExportFormat(
            name="openvino",
            suffix=".xml",
            convert="sightline.exporting.openvino:convert",
            embed="sightline.exporting.openvino:embed",
            precisions=_precisions(_FLOAT32),
            runtime="OpenVINO, with INFERENCE_PRECISION_HINT=f32",
            accepts=_IMAGES,
            needs="sightline[train,onnx,openvino]",
            companions=(".bin",),
        ),
        ExportFormat(
            name="keras",
            suffix=".keras",
            convert="sightline.exporting.keras:convert",
            embed="sightline.exporting.keras:embed",
            precisions=_precisions(_FLOAT32),
            runtime="Keras 3, without Sightline",
            accepts=_IMAGES,
            needs="sightline[train]",
        ),
        ExportFormat(
            name="hdf5",
            suffix=".h5",
            convert="sightline.exporting.hdf5:convert",
            embed="sightline.exporting.hdf5:embed",
            precisions=_precisions(_FLOAT32),
            runtime="Keras 3 (legacy file), without Sightline",
            accepts=_IMAGES,
            needs="sightline[train]",
        ),
        ExportFormat(
            name="saved_model",
            suffix=".saved_model",
            convert="sightline.exporting.saved_model:convert",
            embed="sightline.exporting.saved_model:embed",
            precisions=_precisions(_FLOAT32),
            runtime="TensorFlow, TensorFlow Serving",
            accepts=f"{_IMAGES}; JPEG and PNG files",
            needs="sightline[train]",
            folder=True,
            reading=_TENSORFLOW,
        ),
        ExportFormat(
            name="tfjs",
            suffix=".tfjs",
            convert="sightline.exporting.tfjs:convert",
            embed="sightline.exporting.tfjs:embed",
            precisions=_precisions(_FLOAT32, _FLOAT16),
            runtime="TensorFlow.js, in browsers and Node.js",
            accepts="int32 pixels (n, height, width, channels), 0 to 255",
            needs="sightline[train]; Node.js and npm",
            folder=True,
        ),
        ExportFormat(
            name="web",
            suffix=".web",
            convert="sightline.exporting.web:convert",
            embed="sightline.exporting.web:embed",
            described="sightline.exporting.web:described",
            precisions=_LITERT,
            runtime="browsers, from any static server (LiteRT.js inside)",
            accepts="image files, a camera",
            needs="Node.js and npm; sightline[quantize] but for float32",
            folder=True,
            reading=_BROWSER,
            tunable="sightline.exporting.litert:Tunable",
        ),
    )
)
"""From name to format."""


def format_of(path: Path, precision: str | None) -> tuple[ExportFormat, Precision]:
    """Return the format that a file's suffix means, and the precision by name.

    Raises:
        ConfigError: There is no such format, or it has no such precision.
    """
    by_suffix = {one.suffix: one for one in FORMATS.values()}
    found = by_suffix.get(path.suffix.lower())
    if found is None:
        raise ConfigError(
            f"Cannot export to {printable(path)}.",
            expected=f"a name that ends in {', '.join(by_suffix)}",
            fix="`sightline formats` lists the formats",
            code="bad_suffix",
        )
    if precision is None:
        return found, next(iter(found.precisions.values()))
    if precision not in found.precisions:
        raise unknown_name("precision", precision, found.precisions)
    return found, found.precisions[precision]

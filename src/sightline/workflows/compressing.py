"""What is asked of `compress`, what is decided before an image is read, and what comes out.

Needs no TensorFlow, so that a mistyped word is answered at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sightline.auditing.gate import check_words
from sightline.compression import Method, Options, compression_method
from sightline.dataset import Dataset
from sightline.evaluation import Comparison, Evaluation
from sightline.files import load_attribute, printable
from sightline.inference.latency import Latency
from sightline.models.bundle import Bundle, read_bundle
from sightline.verification import Verification
from sightline.workflows.looks import Looks
from sightline.workflows.run_folder import RunFolder


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of `compress`.

    Attributes:
        model: The bundle to make smaller.
        data: What it was trained from.
        method: A name in `compression.METHODS`.
        options: The method's options as far as the user decides them.
        save: Where the smaller bundle goes.
        overwrite: Replace what stands there, and forget an unfinished run.
        resume: Go on with an unfinished run.
        allow: Findings on the listing of the data to go on in spite of.
        cache_bytes: What pixels and features may take on the disk.
    """

    model: Path
    data: Path
    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    save: Path
    overwrite: bool = False
    resume: bool = False
    allow: tuple[str, ...] = ()
    cache_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What was decided before an image is read.

    Attributes:
        request: What was asked.
        method: Of compression.
        options: Complete.
        bundle: The model.
        dataset: The images, listed.
        folder: Where the smaller bundle, logs and checkpoints go.
    """

    request: Request
    method: Method
    options: Options
    bundle: Bundle
    dataset: Dataset
    folder: RunFolder


@dataclass(frozen=True, kw_only=True)
class Size:
    """What a model costs.

    Attributes:
        bytes: Of its LiteRT twin.
        gzip_bytes: Of the twin compressed by gzip: what a download takes.
        parameters: Numbers in the network.
        multiply_adds: Multiplications, each with its addition, for one image.
        latency: For one image, in one thread.
    """

    bytes: int
    gzip_bytes: int
    parameters: int
    multiply_adds: int
    latency: Latency

    def to_json(self) -> dict[str, Any]:
        """Return the figures."""
        return {
            "bytes": self.bytes,
            "gzip_bytes": self.gzip_bytes,
            "parameters": self.parameters,
            "multiply_adds": self.multiply_adds,
            "latency": self.latency.to_json(),
        }


@dataclass(frozen=True, kw_only=True)
class CompressResult:
    """What came out.

    Attributes:
        path: The smaller bundle.
        method: How it was made.
        options: Of the method.
        counts: Images in each split.
        sizes: Of the model before and after.
        comparison: Of both on the test images.
        validation: Figures on the validation images, of the smaller model.
        verification: Its twin against its Keras model.
        looks: At the test images, of the model before and after.
        seconds: Wall time of it all.
    """

    path: Path
    method: str
    options: Options
    counts: Mapping[str, int]
    sizes: tuple[Size, Size]
    comparison: Comparison
    validation: Evaluation
    verification: Verification
    looks: tuple[Looks | None, Looks | None]
    seconds: float

    @property
    def speed(self) -> float:
        """How many times as fast the smaller model is."""
        before, after = self.sizes
        return before.latency.median / after.latency.median

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON (`reporting/schemas/compress.json`)."""
        before, after = self.sizes
        return {
            "schema": "compress",
            "schema_version": "1.0",
            "bundle": printable(self.path),
            "method": self.method,
            "options": self.options.to_json(),
            "counts": dict(self.counts),
            "before": before.to_json(),
            "after": after.to_json(),
            "speed": self.speed,
            "comparison": self.comparison.to_json(),
            "validation_accuracy": self.validation.accuracy.to_json(),
            "verification": self.verification.to_json(),
            "looks": [look and look.to_json() for look in self.looks],
            "seconds": self.seconds,
        }


def plan_compression(request: Request) -> Plan:
    """Refuse all that can be refused before an image is read or a folder made.

    Raises:
        ConfigError, DataError, ModelError: An option, the listing of the data or the model cannot
            be used.
    """
    check_words(request.allow, ())
    method = compression_method(request.method)
    options = method.options_from(request.options)
    bundle = read_bundle(request.model)
    load_attribute(method.check)(bundle, options)
    dataset = Dataset.open(request.data, allow=request.allow)
    folder = RunFolder(path=request.save, resume=request.resume, overwrite=request.overwrite)
    folder.free()  # last: who adds --overwrite should not meet the next error then
    return Plan(
        request=request,
        method=method,
        options=options,
        bundle=bundle,
        dataset=dataset,
        folder=folder,
    )

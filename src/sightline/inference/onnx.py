"""Run an ONNX file on the CPU with ONNX Runtime. Needs no TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sightline import machine
from sightline.errors import ModelError
from sightline.files import load_module, printable
from sightline.inference.runner import check_pixels
from sightline.inference.wire import refers_elsewhere

onnxruntime = load_module("onnxruntime")

_ERRORS = 3
"""ONNX Runtime's number for "say errors only"."""


class OnnxModel:
    """An ONNX graph with one input of uint8 pixels and named float32 outputs.

    Images are run one by one: batches gain nothing on CPUs (measured with MobileNetV2 at 224, at 8
    and 32 images, one and two threads) and take memory in proportion.

    Args:
        content: The file's bytes.
        outputs: Name of the tensor for each output that is wanted.
        threads: Threads of the runtime; all cores by default.

    Attributes:
        input_shape: (height, width, channels).
        output_shapes: Shape of each output for one image.
        metadata: What the file says of itself.

    Raises:
        ModelError: The bytes are not a graph of this kind that the runtime can run, or it refers
            to other files.
    """

    def __init__(
        self, content: bytes, outputs: Mapping[str, str], *, threads: int | None = None
    ) -> None:
        self._session = _session(content, threads or machine.threads())
        inputs = self._session.get_inputs()
        shape: Sequence[Any] = inputs[0].shape if len(inputs) == 1 else ()
        if len(shape) != 4 or inputs[0].type != "tensor(uint8)" or not _known(shape):
            raise _refusal("The ONNX graph does not take images of uint8 pixels.")
        details = {detail.name: detail for detail in self._session.get_outputs()}
        missing = sorted(set(outputs.values()) - set(details))
        if missing:
            raise _refusal(
                f"The ONNX graph has no output {printable(', '.join(missing))}.",
                expected=f"one of {printable(', '.join(sorted(details)))}",
            )
        chosen = {name: details[tensor] for name, tensor in outputs.items()}
        if not all(
            detail.type == "tensor(float)" and len(detail.shape) > 1 and _known(detail.shape)
            for detail in chosen.values()
        ):
            raise _refusal("The ONNX graph does not give float32 numbers for each image.")
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        self._input = inputs[0].name
        self._tensors = dict(outputs)
        self.input_shape = tuple(shape[1:])
        self.output_shapes = {name: tuple(detail.shape[1:]) for name, detail in chosen.items()}

    def run(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Return each output for uint8 pixels (n, height, width, channels), stacked along n."""
        check_pixels(pixels, self.input_shape)
        answers = {
            name: np.empty((len(pixels), *shape), np.float32)
            for name, shape in self.output_shapes.items()
        }
        for row in range(len(pixels)):
            given = self._session.run(
                list(self._tensors.values()), {self._input: pixels[row : row + 1]}
            )
            for name, value in zip(self._tensors, given, strict=True):
                answers[name][row] = value[0]
        return answers


def open_onnx(path: Path, outputs: Mapping[str, str], *, threads: int | None = None) -> OnnxModel:
    """Return what runs an ONNX file; raises as `OnnxModel`."""
    return OnnxModel(path.read_bytes(), outputs, threads=threads)


def _session(content: bytes, threads: int) -> Any:
    try:
        elsewhere = refers_elsewhere(content)
    except ValueError as error:
        raise _refusal(f"This is no ONNX model: {error}.") from error
    if elsewhere:
        raise _refusal(
            "The ONNX model keeps tensors in other files.", expected="a model in one file"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS
    # Threads that wait by spinning halve the speed where cores are shared with anything else.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The runtime would otherwise guess, and read a second format that this module does not check.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime raises its own, untyped family
        raise _refusal(f"ONNX Runtime cannot run this graph: {str(error)[:500]}.") from error


def _known(shape: Sequence[int | str | None]) -> bool:
    """Return whether only the number of images is open."""
    return not isinstance(shape[0], int) and all(isinstance(size, int) for size in shape[1:])


def _refusal(
    what: str, *, expected: str = "an ONNX file as `sightline export` wrote it"
) -> ModelError:
    return ModelError(
        what,
        expected=expected,
        fix="take another copy of the model, export it again, or upgrade onnxruntime",
        code="damaged_model",
    )

"""Run OpenVINO IR on the CPU. Needs no TensorFlow, but the extra `openvino`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from sightline import machine
from sightline.errors import ModelError
from sightline.files import load_module, printable
from sightline.inference.runner import check_pixels

_SETTINGS: Mapping[str, Any] = {
    # OpenVINO's own choice, bfloat16 where the CPU has it, moved probabilities by up to 0.5.
    "INFERENCE_PRECISION_HINT": "f32",
    "NUM_STREAMS": 1,
}
_XML = b"<?xml"


class OpenVinoModel:
    """An OpenVINO graph with one input of uint8 pixels and named float32 outputs.

    Images are run one by one, as with the other runtimes.

    Args:
        path: The graph, `.xml`; its weights stand beside it, `.bin`.
        outputs: Name of the tensor for each output that is wanted.
        threads: Threads of the runtime; all cores by default.

    Attributes:
        input_shape: (height, width, channels).
        output_shapes: Shape of each output for one image.

    Raises:
        MissingPackageError: openvino is not installed.
        ModelError: The files are not a graph of this kind that the runtime can run.
    """

    def __init__(
        self, path: Path, outputs: Mapping[str, str], *, threads: int | None = None
    ) -> None:
        compiled = _compiled(path, threads or machine.threads())
        names = {name for port in compiled.outputs for name in port.names}
        missing = sorted(set(outputs.values()) - names)
        if missing:
            raise _refusal(
                f"The OpenVINO graph has no output {printable(', '.join(missing))}.",
                expected=f"one of {printable(', '.join(sorted(names)))}",
            )
        chosen = {name: compiled.output(tensor) for name, tensor in outputs.items()}
        if len(compiled.inputs) != 1 or not _is_many(compiled.inputs[0], "u8", rank=4):
            raise _refusal("The OpenVINO graph does not take images of uint8 pixels.")
        if not all(_is_many(port, "f32") for port in chosen.values()):
            raise _refusal("The OpenVINO graph does not give float32 numbers for each image.")
        self._request = compiled.create_infer_request()
        self._outputs = chosen
        self.input_shape = _shape(compiled.inputs[0])
        self.output_shapes = {name: _shape(port) for name, port in chosen.items()}

    def run(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Return each output for uint8 pixels (n, height, width, channels), stacked along n."""
        check_pixels(pixels, self.input_shape)
        answers = {
            name: np.empty((len(pixels), *shape), np.float32)
            for name, shape in self.output_shapes.items()
        }
        for row in range(len(pixels)):
            given = self._request.infer([pixels[row : row + 1]], share_outputs=True)
            for name, port in self._outputs.items():
                answers[name][row] = given[port][0]
        return answers


def open_openvino(
    path: Path, outputs: Mapping[str, str], *, threads: int | None = None
) -> OpenVinoModel:
    """Return what runs OpenVINO IR; raises as `OpenVinoModel`."""
    return OpenVinoModel(path, outputs, threads=threads)


@cache
def _core(openvino: Any) -> Any:
    """Return the one core of this process, which it keeps.

    Each core that compiles gives its thread another stack for signals, and frees it when it goes.
    Where cores go in another order than they came, or in another thread, a freed stack stays set,
    and the next signal (Ctrl-C) ends the process with a segmentation fault (seen with 2026.4).
    """
    return openvino.Core()


def _compiled(path: Path, threads: int) -> Any:
    core = _core(load_module("openvino", purpose="run a model in OpenVINO's format"))
    weights = path.with_suffix(".bin")
    for needed in (path, weights):
        if not needed.is_file():
            raise _refusal(f"There is no {printable(needed)}.")
    with path.open("rb") as stream:
        # OpenVINO reads whatever it recognises, also ONNX, which may refer to any other file.
        if stream.read(len(_XML)) != _XML:
            raise _refusal(f"{printable(path)} is no XML.")
    try:
        model = core.read_model(path, weights)
        return core.compile_model(model, "CPU", {**_SETTINGS, "INFERENCE_NUM_THREADS": threads})
    except RuntimeError as error:
        raise _refusal(f"OpenVINO cannot run this graph: {str(error)[:500]}.") from error


def _is_many(port: Any, dtype: str, *, rank: int | None = None) -> bool:
    """Return whether a tensor is of a type, and only the number of images is open."""
    shape = port.partial_shape
    if port.element_type.get_type_name() != dtype or shape.rank.is_dynamic:
        return False
    sizes = list(shape)
    fixed = all(not size.is_dynamic for size in sizes[1:])
    return len(sizes) > 1 and sizes[0].is_dynamic and fixed and rank in (None, len(sizes))


def _shape(port: Any) -> tuple[int, ...]:
    return tuple(size.get_length() for size in list(port.partial_shape)[1:])


def _refusal(
    what: str, *, expected: str = "OpenVINO IR as `sightline export` wrote it, .xml and .bin"
) -> ModelError:
    return ModelError(
        what,
        expected=expected,
        fix="take another copy of the model, export it again, or upgrade openvino",
        code="damaged_model",
    )

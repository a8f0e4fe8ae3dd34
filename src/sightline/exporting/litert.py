"""LiteRT (TensorFlow Lite): the twin as it is, or with TensorFlow a graph of fewer bits."""

from __future__ import annotations

from sightline.exporting.formats import Converted, Precision, Samples
from sightline.files import load_attribute
from sightline.models.bundle import Bundle


def convert(bundle: Bundle, precision: Precision, samples: Samples | None) -> Converted:
    """Return a bundle's network as a LiteRT file.

    Args:
        bundle: The model.
        precision: One of the format's.
        samples: Training images, for `"int8"`.

    Raises:
        MissingPackageError: TensorFlow is not installed and the precision is not float32.
        ModelError: The converter cannot express the network.
    """
    if precision.name == "float32":
        return Converted(files={".tflite": bundle.twin()}, outputs=bundle.twin_outputs)
    model = load_attribute("sightline.models.restore:restore")(bundle)
    graph = load_attribute("sightline.conversion:to_litert")(
        model, outputs=precision.outputs, precision=precision.name, samples=samples
    )
    return Converted(files={".tflite": graph.content}, outputs=graph.outputs)

"""Keras models as LiteRT graphs: the twin of a bundle, and frozen backbones. Needs TensorFlow."""

from sightline.conversion.litert import (
    CONVERTER_VERSION,
    LiteRTGraph,
    start_runtimes,
    to_litert,
    to_litert_int8,
)

__all__ = ["CONVERTER_VERSION", "LiteRTGraph", "start_runtimes", "to_litert", "to_litert_int8"]

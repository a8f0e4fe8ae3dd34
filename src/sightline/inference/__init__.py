"""Runners (one runtime each) and prediction, streaming in chunks. Needs no TensorFlow.

`inference.keras` does, and is therefore not imported here.
"""

from sightline.inference.litert import LiteRTModel, LiteRTRunner
from sightline.inference.predict import predict, predict_stream, predictions_of
from sightline.inference.runner import Outputs, Runner

__all__ = [
    "LiteRTModel",
    "LiteRTRunner",
    "Outputs",
    "Runner",
    "predict",
    "predict_stream",
    "predictions_of",
]

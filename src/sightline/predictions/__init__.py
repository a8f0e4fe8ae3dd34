"""The answers of a classifier as arrays: the one record that judges, writers and auditors read."""

from sightline.predictions.record import UNLIKE, UNSURE, Label, Predictions
from sightline.predictions.task import Task

__all__ = ["UNLIKE", "UNSURE", "Label", "Predictions", "Task"]

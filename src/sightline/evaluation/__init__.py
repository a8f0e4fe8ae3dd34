"""Predictions and labels become an `Evaluation`: NumPy only, checked against scikit-learn."""

from sightline.evaluation.counts import Counts, Labels, label_matrix
from sightline.evaluation.estimates import Estimate, wilson
from sightline.evaluation.mistakes import Mistake, mistakes
from sightline.evaluation.records import Averages, ClassScores, Confusion, Evaluation
from sightline.evaluation.resampling import mean_estimate
from sightline.evaluation.summary import evaluate, summarise

__all__ = [
    "Averages",
    "ClassScores",
    "Confusion",
    "Counts",
    "Estimate",
    "Evaluation",
    "Labels",
    "Mistake",
    "evaluate",
    "label_matrix",
    "mean_estimate",
    "mistakes",
    "summarise",
    "wilson",
]

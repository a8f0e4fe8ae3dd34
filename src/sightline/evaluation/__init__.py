"""Predictions and labels become an `Evaluation`: NumPy only, checked against scikit-learn."""

from sightline.evaluation.calibration import CalibrationGain, calibration_gain, fit_temperature
from sightline.evaluation.conformal import least_probability, prediction_sets
from sightline.evaluation.counts import Counts, Labels, label_matrix
from sightline.evaluation.estimates import Estimate, wilson
from sightline.evaluation.mistakes import Mistake, mistakes
from sightline.evaluation.paired import Comparison, compare, mcnemar, paired_gain, right_answers
from sightline.evaluation.records import Averages, ClassScores, Confusion, Evaluation
from sightline.evaluation.resampling import mean_estimate
from sightline.evaluation.summary import evaluate, summarise

__all__ = [
    "Averages",
    "CalibrationGain",
    "ClassScores",
    "Comparison",
    "Confusion",
    "Counts",
    "Estimate",
    "Evaluation",
    "Labels",
    "Mistake",
    "calibration_gain",
    "compare",
    "evaluate",
    "fit_temperature",
    "label_matrix",
    "least_probability",
    "mcnemar",
    "mean_estimate",
    "mistakes",
    "paired_gain",
    "prediction_sets",
    "right_answers",
    "summarise",
    "wilson",
]

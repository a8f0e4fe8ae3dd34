"""Predictions and labels become an `Evaluation`: NumPy only, checked against scikit-learn."""

from sightline.evaluation.calibration import CalibrationGain, calibration_gain, fit_temperature
from sightline.evaluation.changes import Change, ClassChange, Difference
from sightline.evaluation.conformal import least_probability, prediction_sets
from sightline.evaluation.counts import Counts, Labels, label_matrix
from sightline.evaluation.estimates import Estimate, wilson
from sightline.evaluation.grouping import Groups
from sightline.evaluation.mistakes import Mistake, mistakes
from sightline.evaluation.paired import (
    Comparison,
    check_same_classes,
    compare,
    paired_gain,
    right_answers,
)
from sightline.evaluation.prevalence import AtPrevalence, adjusted, at_prevalence, check_prevalence
from sightline.evaluation.probabilistic import ClassRanking, Probabilistic
from sightline.evaluation.ranking import Curve
from sightline.evaluation.records import Averages, ClassScores, Confusion, Evaluation
from sightline.evaluation.reliability import ReliabilityBin
from sightline.evaluation.requirements import Requirement, Verdict, check_askable, verdict
from sightline.evaluation.resampling import mean_estimate
from sightline.evaluation.significance import SIGNIFICANT, fisher, holm, mcnemar, sign_flip
from sightline.evaluation.summary import evaluate, summarise

__all__ = [
    "SIGNIFICANT",
    "AtPrevalence",
    "Averages",
    "CalibrationGain",
    "Change",
    "ClassChange",
    "ClassRanking",
    "ClassScores",
    "Comparison",
    "Confusion",
    "Counts",
    "Curve",
    "Difference",
    "Estimate",
    "Evaluation",
    "Groups",
    "Labels",
    "Mistake",
    "Probabilistic",
    "ReliabilityBin",
    "Requirement",
    "Verdict",
    "adjusted",
    "at_prevalence",
    "calibration_gain",
    "check_askable",
    "check_prevalence",
    "check_same_classes",
    "compare",
    "evaluate",
    "fisher",
    "fit_temperature",
    "holm",
    "label_matrix",
    "least_probability",
    "mcnemar",
    "mean_estimate",
    "mistakes",
    "paired_gain",
    "prediction_sets",
    "right_answers",
    "sign_flip",
    "summarise",
    "verdict",
    "wilson",
]

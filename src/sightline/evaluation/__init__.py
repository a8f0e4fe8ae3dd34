"""Predictions and labels become an `Evaluation`: NumPy only, checked against scikit-learn."""

from sightline.evaluation.changes import Change, ClassChange, Difference
from sightline.evaluation.counts import Counts, Labels, label_matrix
from sightline.evaluation.estimates import Estimate, wilson
from sightline.evaluation.mistakes import Mistake, mistakes
from sightline.evaluation.paired import (
    Comparison,
    check_same_classes,
    compare,
    paired_gain,
    right_answers,
)
from sightline.evaluation.records import Averages, ClassScores, Confusion, Evaluation
from sightline.evaluation.resampling import mean_estimate
from sightline.evaluation.significance import SIGNIFICANT, fisher, holm, mcnemar, sign_flip
from sightline.evaluation.summary import evaluate, summarise

__all__ = [
    "SIGNIFICANT",
    "Averages",
    "Change",
    "ClassChange",
    "ClassScores",
    "Comparison",
    "Confusion",
    "Counts",
    "Difference",
    "Estimate",
    "Evaluation",
    "Labels",
    "Mistake",
    "check_same_classes",
    "compare",
    "evaluate",
    "fisher",
    "holm",
    "label_matrix",
    "mcnemar",
    "mean_estimate",
    "mistakes",
    "paired_gain",
    "right_answers",
    "sign_flip",
    "summarise",
    "wilson",
]

"""Predictions and labels become an `Evaluation`: NumPy only, checked against scikit-learn."""

from sightline.evaluation.counts import Counts, Groups, Labels, label_matrix
from sightline.evaluation.estimates import Estimate, wilson
from sightline.evaluation.mistakes import Mistake, mistakes
from sightline.evaluation.paired import Comparison, compare, mcnemar, paired_gain, right_answers
from sightline.evaluation.prevalence import AtPrevalence, adjusted, at_prevalence, check_prevalence
from sightline.evaluation.probabilistic import ClassRanking, Probabilistic
from sightline.evaluation.ranking import Curve
from sightline.evaluation.records import Averages, ClassScores, Confusion, Evaluation
from sightline.evaluation.reliability import ReliabilityBin
from sightline.evaluation.requirements import Requirement, Verdict, check_askable, verdict
from sightline.evaluation.resampling import mean_estimate
from sightline.evaluation.summary import evaluate, summarise

__all__ = [
    "AtPrevalence",
    "Averages",
    "ClassRanking",
    "ClassScores",
    "Comparison",
    "Confusion",
    "Counts",
    "Curve",
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
    "check_askable",
    "check_prevalence",
    "compare",
    "evaluate",
    "label_matrix",
    "mcnemar",
    "mean_estimate",
    "mistakes",
    "paired_gain",
    "right_answers",
    "summarise",
    "verdict",
    "wilson",
]

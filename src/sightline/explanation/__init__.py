"""Why this answer? Model and image → heat map: one method per file, a table of them.

Needs no TensorFlow itself; methods that look into the network load it when they run.
"""

from sightline.explanation.explain import class_index, heatmaps
from sightline.explanation.heatmap import Heatmap
from sightline.explanation.method import Attribution, Method
from sightline.explanation.sanity import SanityCheck, random_models, sanity_check
from sightline.explanation.subject import Subject
from sightline.explanation.table import METHODS, default_method, explanation_method

__all__ = [
    "METHODS",
    "Attribution",
    "Heatmap",
    "Method",
    "SanityCheck",
    "Subject",
    "class_index",
    "default_method",
    "explanation_method",
    "heatmaps",
    "random_models",
    "sanity_check",
]

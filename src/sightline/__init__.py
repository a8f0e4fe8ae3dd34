"""Sightline: from folders of labelled images to a classifier you can trust.

The public face is a table: a name is imported when it is first used, so that
`import sightline` costs nothing and never needs TensorFlow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sightline.auditing import audit as audit
    from sightline.batches import Augmentation as Augmentation
    from sightline.classifier import Classifier as Classifier
    from sightline.classifier import load as load
    from sightline.dataset import Dataset as Dataset
    from sightline.evaluation import Estimate as Estimate
    from sightline.evaluation import Evaluation as Evaluation
    from sightline.evaluation import compare as compare
    from sightline.evaluation import evaluate as evaluate
    from sightline.images import Preprocessing as Preprocessing
    from sightline.models import BACKBONES as BACKBONES
    from sightline.predictions import Predictions as Predictions
    from sightline.training.recipe import Options as Options
    from sightline.workflows.explain import explain as explain
    from sightline.workflows.report import report as report

__version__ = "0.1.0.dev0"

_PUBLIC = {
    "Augmentation": "sightline.batches",
    "BACKBONES": "sightline.models",
    "Classifier": "sightline.classifier",
    "Dataset": "sightline.dataset",
    "Estimate": "sightline.evaluation",
    "Evaluation": "sightline.evaluation",
    "Options": "sightline.training.recipe",
    "Predictions": "sightline.predictions",
    "Preprocessing": "sightline.images",
    "audit": "sightline.auditing",
    "compare": "sightline.evaluation",
    "evaluate": "sightline.evaluation",
    "explain": "sightline.workflows.explain",
    "load": "sightline.classifier",
    "report": "sightline.workflows.report",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'sightline' has no attribute {name!r}", name=name)
    value = import_module("sightline.files").load_attribute(f"{_PUBLIC[name]}:{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

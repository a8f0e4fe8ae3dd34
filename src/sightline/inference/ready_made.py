"""Ready-made ImageNet classifiers, run by Keras: no training, no bundle. Needs TensorFlow."""

from __future__ import annotations

from sightline.inference.keras import KerasRunner
from sightline.models.pretrained import imagenet_classifier


def ready_made_runner(backbone: str) -> KerasRunner:
    """Return a runner of the 1000 ImageNet classes.

    Raises:
        ConfigError: There are no ImageNet weights for this backbone.
        MachineError: They are not on this machine and cannot be fetched.
    """
    made = imagenet_classifier(backbone)
    return KerasRunner(
        made.model,
        classes=made.classes,
        task="multi_class",
        preprocessing=made.preprocessing,
    )

"""Networks: the catalogue, architectures as data, building them, their weights and files.

Only what needs no TensorFlow is imported here; `build`, `weights` and the others are
modules to import by name.
"""

from sightline.models.architecture import Architecture
from sightline.models.catalog import BACKBONES, BackboneCard, backbone_card
from sightline.models.options import Option

__all__ = ["BACKBONES", "Architecture", "BackboneCard", "Option", "backbone_card"]

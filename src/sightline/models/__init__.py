"""Networks: the catalogue, architectures as data, building them, their weights and files.

Only what needs no TensorFlow is imported here; `build`, `weights` and the others are
modules to import by name.
"""

from sightline.models.architecture import Architecture
from sightline.models.cards import BackboneCard, ImageNetFiles
from sightline.models.catalog import BACKBONES, backbone_card
from sightline.models.options import Option

__all__ = ["BACKBONES", "Architecture", "BackboneCard", "ImageNetFiles", "Option", "backbone_card"]

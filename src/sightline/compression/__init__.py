"""Bundle to smaller bundle: distillation, channel pruning; one method per file, a table of them.

A method takes a bundle, the images on its record, a session and its options, and gives a bundle
that is calibrated, proven and ruled as training's are. It never sees the test images.
"""

from sightline.compression.method import Method
from sightline.compression.options import Options
from sightline.compression.table import METHODS, compression_method

__all__ = ["METHODS", "Method", "Options", "compression_method"]

"""From a bundle to other formats: each export is run in its own runtime before it is written."""

from sightline.exporting.export import Export, Material, export_bundle
from sightline.exporting.formats import FORMATS, ExportFormat, Precision, Samples, format_of
from sightline.exporting.refit import HeldOutImages

__all__ = [
    "FORMATS",
    "Export",
    "ExportFormat",
    "HeldOutImages",
    "Material",
    "Precision",
    "Samples",
    "export_bundle",
    "format_of",
]

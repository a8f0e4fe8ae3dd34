"""From a bundle to other formats: each export is run in its own runtime before it is written."""

from sightline.exporting.export import Export, export_bundle
from sightline.exporting.formats import FORMATS, ExportFormat, Precision, Samples, format_of

__all__ = [
    "FORMATS",
    "Export",
    "ExportFormat",
    "Precision",
    "Samples",
    "export_bundle",
    "format_of",
]

"""From a bundle to other formats: each export is run in its own runtime before it is written."""

from sightline.exporting.candidates import MORE_SAMPLES, Candidate, candidates, first
from sightline.exporting.decoding import Files, prove_files
from sightline.exporting.export import Export, Material, Proven, export_bundle, opened, prove
from sightline.exporting.formats import FORMATS, ExportFormat, Precision, Samples, format_of
from sightline.exporting.refit import HeldOutImages
from sightline.exporting.sensitivity import LayerLoss

__all__ = [
    "FORMATS",
    "MORE_SAMPLES",
    "Candidate",
    "Export",
    "ExportFormat",
    "Files",
    "HeldOutImages",
    "LayerLoss",
    "Material",
    "Precision",
    "Proven",
    "Samples",
    "candidates",
    "export_bundle",
    "first",
    "format_of",
    "opened",
    "prove",
    "prove_files",
]

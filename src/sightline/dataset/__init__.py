"""Paths to an immutable `Dataset`: readers, the content index, splits, copies, manifests."""

from sightline.dataset.content import Content, read_content
from sightline.dataset.dataset import Dataset
from sightline.dataset.duplicates import Groups, content_groups
from sightline.dataset.index import ContentIndex
from sightline.dataset.leaks import leaks
from sightline.dataset.near import near_pairs
from sightline.dataset.opening import check_dataset
from sightline.dataset.record import RecordRow, record_rows
from sightline.dataset.records import SPLITS, Finding, Row, Severity, refusal
from sightline.dataset.samples import write_digits

__all__ = [
    "SPLITS",
    "Content",
    "ContentIndex",
    "Dataset",
    "Finding",
    "Groups",
    "RecordRow",
    "Row",
    "Severity",
    "check_dataset",
    "content_groups",
    "leaks",
    "near_pairs",
    "read_content",
    "record_rows",
    "refusal",
    "write_digits",
]

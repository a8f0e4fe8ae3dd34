"""Atomic writes, ledgers, digests, JSON, locks, safe paths. Knows nothing of images."""

from sightline.files.atomic import (
    fsync_directory,
    open_atomically,
    write_bytes,
    write_error,
    write_files,
    write_folder,
    write_text,
)
from sightline.files.hashing import sha256_bytes, sha256_file
from sightline.files.importing import load_attribute, load_module, missing_package, unreported
from sightline.files.json import canonical_json, parse_json, pretty_json, write_json
from sightline.files.locks import lock
from sightline.files.paths import cache_directory, free_path, join_inside, printable

__all__ = [
    "cache_directory",
    "canonical_json",
    "free_path",
    "fsync_directory",
    "join_inside",
    "load_attribute",
    "load_module",
    "lock",
    "missing_package",
    "open_atomically",
    "parse_json",
    "pretty_json",
    "printable",
    "sha256_bytes",
    "sha256_file",
    "unreported",
    "write_bytes",
    "write_error",
    "write_files",
    "write_folder",
    "write_json",
    "write_text",
]

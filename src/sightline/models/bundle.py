"""The native artefact: one `.sightline` file that holds data and never code.

A zip of stored (uncompressed) members in a fixed order with a fixed time, so that equal
content gives equal bytes, and `bundle.json` last with the SHA-256 of every other member.
This module reads and writes the format and nothing else: it never builds a model, never
runs one, and believes nothing in a file before it has checked it. A digest shows damage,
not who wrote the file.
"""

from __future__ import annotations

import json
import os
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sightline.dataset import RecordRow
from sightline.errors import (
    DataError,
    ModelError,
    SightlineError,
    UnsafeModelError,
    did_you_mean,
)
from sightline.files import open_atomically, parse_json, printable, sha256_bytes
from sightline.images import Preprocessing
from sightline.models.architecture import Architecture
from sightline.models.members import (
    check_weights,
    read_record,
    read_tensors,
    temperature_of,
)
from sightline.models.rules import HeldOut, Rules

FORMAT_VERSION = "1.2"
SUFFIX = ".sightline"
_CARD = "sightline.json"
"""What a LiteRT export holds, which any program for zip archives can take out of it."""

MANIFEST = "bundle.json"
WEIGHTS = "weights.safetensors"
TWIN = "twin.tflite"
RECORD = "record.jsonl"
GOLDEN_TENSORS = "golden.safetensors"
HELD_OUT = "held_out.safetensors"

_GOLDEN_FILE = re.compile(r"golden/[a-z0-9_]{1,40}\.(png|jpg)")
_FIXED = (WEIGHTS, TWIN, RECORD, GOLDEN_TENSORS)
_OPTIONAL = (HELD_OUT,)
_MOST_MEMBERS = 64
_MOST_MANIFEST_BYTES = 16 * 2**20
# What zipfile raises at damage, none of it documented as complete.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    struct.error,
)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can state


@dataclass(frozen=True, kw_only=True, eq=False)
class Bundle:
    """A trained classifier as data.

    Attributes:
        classes: Class names in the order of the model's outputs.
        task: `"multi_class"` or `"multi_label"`.
        preprocessing: From decoded image to the model's input.
        architecture: What `models.build` needs to make the network again.
        rules: From probabilities to answers.
        recipe: The training recipe, as JSON.
        metrics: What was measured, as JSON.
        environment: Versions and machine of the training run, as JSON.
        twin_outputs: Name of the twin's tensor for each of probabilities, logits, embedding.
        members: The other members' bytes; checked against their digest when read.
    """

    classes: tuple[str, ...]
    task: str
    preprocessing: Preprocessing
    architecture: Architecture
    rules: Rules = field(default_factory=Rules)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    twin_outputs: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, bytes]

    def weights(self) -> dict[str, np.ndarray]:
        """Return the weights by name.

        Raises:
            ModelError: The member is damaged or holds a value that is not finite.
        """
        weights = read_tensors(self.members[WEIGHTS], WEIGHTS)
        check_weights(weights)
        return weights

    def temperature(self) -> np.ndarray:
        """Return what divides the logits: float32 (), or (k,) for one for each label.

        Raises:
            ModelError: It is missing, of another shape, or not above 0.
        """
        return temperature_of(self.weights(), self.architecture.task, classes=len(self.classes))

    def twin(self) -> bytes:
        """Return the LiteRT twin."""
        return self.members[TWIN]

    def record(self) -> tuple[RecordRow, ...]:
        """Return the images that training used, validation and test included."""
        return read_record(self.members[RECORD])

    def held_out(self) -> HeldOut | None:
        """Return what the rules were chosen on; `None` where nothing calibrated the model.

        Raises:
            ModelError: The member is damaged.
        """
        if HELD_OUT not in self.members:
            return None
        tensors = read_tensors(self.members[HELD_OUT], HELD_OUT)
        return HeldOut.from_tensors(tensors, classes=len(self.classes), task=self.architecture.task)

    def golden_tensors(self) -> dict[str, np.ndarray]:
        """Return the golden vectors' arrays by name (`verification.golden` reads them)."""
        return read_tensors(self.members[GOLDEN_TENSORS], GOLDEN_TENSORS)

    def golden_files(self) -> dict[str, bytes]:
        """Return the golden image files by name."""
        return {name: self.members[name] for name in self.members if _GOLDEN_FILE.fullmatch(name)}


def write_bundle(path: str | os.PathLike[str], bundle: Bundle) -> None:
    """Write `bundle` to `path` atomically.

    Raises:
        MachineError: `path` cannot be written; what stood there is untouched.
    """
    optional = [name for name in _OPTIONAL if name in bundle.members]
    names = [*_FIXED, *optional, *sorted(bundle.golden_files())]
    manifest = json.dumps(_manifest(bundle, names), indent=1, ensure_ascii=True, allow_nan=False)
    with open_atomically(path) as stream, zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            _store(archive, name, bundle.members[name])
        _store(archive, MANIFEST, manifest.encode())


def read_bundle(path: str | os.PathLike[str]) -> Bundle:
    """Open a bundle and check its structure; members are read, and checked, when asked for.

    Raises:
        ModelError: The file is missing, not a bundle, damaged, truncated or of a newer format.
        UnsafeModelError: It is built to do harm.
    """
    shown = printable(path)
    if not Path(path).is_file():
        raise _no_model(Path(path), shown)
    with _open_archive(path, shown) as archive:
        sizes = _check_structure(archive, path, shown)
        text = _read_member(archive, MANIFEST, shown)
    try:
        manifest = parse_json(text, name=f"{MANIFEST} in {shown}")
    except DataError as error:
        raise _damaged(shown, error.what) from error
    _check_version(manifest, shown)
    return _bundle_from(
        manifest, _Members(Path(path), sizes, _digests(manifest, sizes, shown)), shown
    )


class _Members(Mapping[str, bytes]):
    """The members of a bundle on disk, each checked against its digest when read."""

    def __init__(self, path: Path, sizes: Mapping[str, int], digests: Mapping[str, str]) -> None:
        self._path = path
        self._sizes = sizes
        self._digests = digests

    def __getitem__(self, name: str) -> bytes:
        expected = self._digests[name]
        shown = printable(self._path)
        with _open_archive(self._path, shown) as archive:
            data = _read_member(archive, name, shown)
        if sha256_bytes(data) != expected:
            raise _damaged(shown, f"{name} does not have the SHA-256 on record")
        return data

    def __iter__(self) -> Iterator[str]:
        return iter(self._digests)

    def __len__(self) -> int:
        return len(self._digests)


def _store(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, date_time=_EPOCH), data, zipfile.ZIP_STORED)


def _manifest(bundle: Bundle, names: Sequence[str]) -> dict[str, Any]:
    return {
        "format": "sightline",
        "format_version": FORMAT_VERSION,
        "classes": list(bundle.classes),
        "task": bundle.task,
        "preprocessing": bundle.preprocessing.to_json(),
        "architecture": bundle.architecture.to_json(),
        "rules": bundle.rules.to_json(),
        "recipe": dict(bundle.recipe),
        "metrics": dict(bundle.metrics),
        "environment": dict(bundle.environment),
        "twin_outputs": dict(bundle.twin_outputs),
        "members": {
            name: {"bytes": len(data), "sha256": sha256_bytes(data)}
            for name, data in ((name, bundle.members[name]) for name in names)
        },
    }


def _open_archive(path: str | os.PathLike[str], shown: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except _ZIP_ERRORS as error:
        raise _damaged(shown, str(error)) from error


def _read_member(archive: zipfile.ZipFile, name: str, shown: str) -> bytes:
    try:
        return archive.read(name)
    except _ZIP_ERRORS as error:
        raise _damaged(shown, f"{name}: {error}") from error


def _check_structure(
    archive: zipfile.ZipFile, path: str | os.PathLike[str], shown: str
) -> dict[str, int]:
    """Return each member's size, having refused all that a writer of ours never makes."""
    members = archive.infolist()
    names = [member.filename for member in members]
    if _CARD in names:
        raise ModelError(
            f"{shown} is an export, not a model.",
            expected=f"the {SUFFIX} file that it was made of",
            fix="give that; `predict`, `verify` and `benchmark` take exports",
            code="no_such_model",
        )
    if len(names) > _MOST_MEMBERS or len(set(names)) != len(names):
        raise _unsafe(shown, f"it has {len(names)} members, {len(set(names))} of them distinct")
    for member in members:
        known = member.filename in (*_FIXED, *_OPTIONAL, MANIFEST) or _GOLDEN_FILE.fullmatch(
            member.filename
        )
        if not known:
            raise _unsafe(shown, f"it holds {printable(member.filename)!r}")
        if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 0x1:
            raise _unsafe(shown, f"{member.filename} is compressed or encrypted")
        if member.file_size != member.compress_size:
            raise _unsafe(shown, f"{member.filename} declares two sizes")
    # Stored members cannot overlap or grow when they add up to no more than the file.
    if sum(member.file_size for member in members) > os.path.getsize(path):
        raise _unsafe(shown, "its members declare more bytes than the file has")
    missing = [name for name in (*_FIXED, MANIFEST) if name not in names]
    if missing:
        raise _damaged(shown, f"it lacks {', '.join(missing)}")
    sizes = {member.filename: member.file_size for member in members}
    if sizes[MANIFEST] > _MOST_MANIFEST_BYTES:
        raise _unsafe(shown, f"{MANIFEST} has {sizes[MANIFEST]} bytes")
    return sizes


def _check_version(manifest: Any, shown: str) -> None:
    if not isinstance(manifest, dict) or manifest.get("format") != "sightline":
        raise _damaged(shown, f"{MANIFEST} is not a Sightline manifest")
    version = str(manifest.get("format_version"))
    major = version.partition(".")[0]
    if not re.fullmatch(r"\d{1,4}\.\d{1,4}", version) or int(major) < 1:
        raise _damaged(shown, f"format_version is {version!r}")
    if int(major) > int(FORMAT_VERSION.partition(".")[0]):
        raise ModelError(
            f"{shown} has format version {version}.",
            expected=f"version {FORMAT_VERSION} or another minor version of it",
            fix="upgrade Sightline: pip install --upgrade sightline",
            code="future_version",
        )


def _digests(manifest: Mapping[str, Any], sizes: Mapping[str, int], shown: str) -> dict[str, str]:
    listed = manifest.get("members")
    if not isinstance(listed, dict) or set(listed) != set(sizes) - {MANIFEST}:
        raise _damaged(shown, f"{MANIFEST} does not list the members that are there")
    digests = {}
    for name, entry in listed.items():
        if not isinstance(entry, dict) or entry.get("bytes") != sizes[name]:
            raise _damaged(shown, f"{name} has another size than the one on record")
        digests[name] = str(entry.get("sha256"))
    return digests


def _bundle_from(manifest: Mapping[str, Any], members: _Members, shown: str) -> Bundle:
    try:
        bundle = Bundle(
            classes=tuple(manifest["classes"]),
            task=manifest["task"],
            preprocessing=Preprocessing.from_json(manifest["preprocessing"]),
            architecture=Architecture.from_json(manifest["architecture"]),
            rules=Rules.from_json(manifest["rules"]),
            recipe=manifest["recipe"],
            metrics=manifest["metrics"],
            environment=manifest["environment"],
            twin_outputs=dict(manifest["twin_outputs"]),
            members=members,
        )
    except ModelError:
        raise
    except Exception as error:  # whatever a hostile manifest provokes is one answer
        raise _damaged(shown, f"{MANIFEST}: {error}") from error
    _check_agreement(bundle, shown)
    return bundle


def _check_agreement(bundle: Bundle, shown: str) -> None:
    named = all(isinstance(name, str) for name in bundle.classes)
    if not named or len(set(bundle.classes)) != len(bundle.classes):
        raise _damaged(shown, "its class names are not distinct strings")
    if len(bundle.classes) != bundle.architecture.classes:
        raise _damaged(
            shown,
            f"it names {len(bundle.classes)} classes, its network has "
            f"{bundle.architecture.classes}",
        )
    if bundle.task != bundle.architecture.task:
        raise _damaged(shown, f"its task is {bundle.task!r}, the network's another")
    try:
        bundle.rules.check(bundle.classes, bundle.architecture.task)
    except SightlineError as error:
        raise _damaged(shown, error.what) from error
    tensors = bundle.twin_outputs
    named = all(isinstance(tensor, str) for tensor in tensors.values())
    if not named or set(tensors) != {"probabilities", "logits", "embedding"}:
        raise _damaged(shown, "it does not name the twin's outputs")


def _no_model(path: Path, shown: str) -> ModelError:
    beside = (other.name for other in path.parent.glob(f"*{SUFFIX}"))
    what = f"No model at {shown}.{printable(did_you_mean(path.name, beside))}"
    return ModelError(
        f"{shown} is a folder." if path.is_dir() else what,
        expected=f"a {SUFFIX} file",
        fix="check the path, and that the model comes first; `sightline train DATA` makes one",
        code="no_such_model",
    )


def _damaged(shown: str, why: str) -> ModelError:
    return ModelError(
        f"{shown} is not a whole Sightline bundle: {why}.",
        expected=f"a {SUFFIX} file as Sightline wrote it",
        fix="check that this is the model, which comes before images and data; "
        "take another copy of it, or train again",
        code="damaged_model",
    )


def _unsafe(shown: str, why: str) -> UnsafeModelError:
    return UnsafeModelError(
        f"{shown} is refused as unsafe: {why}.",
        expected=f"a {SUFFIX} file as Sightline wrote it",
        fix="do not use this file; ask its sender for another",
    )

"""Keras's own file: a zip of configuration and weights that `keras.models.load_model` opens.

Reproducible: members in the order that Keras wrote them, with a fixed time, no date in
`metadata.json`, and numbers in `config.json` where Keras wrote where objects lay in memory.
"""

from __future__ import annotations

import io
import json
import re
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from sightline.exporting.formats import Converted, Precision, Samples
from sightline.exporting.stock import stock_model
from sightline.models.bundle import Bundle

SUFFIX = ".keras"
MEMBER = "sightline.json"
_METADATA = "metadata.json"
_CONFIG = "config.json"
_OBJECT = re.compile(r'(?<="shared_object_id": )\d+')
_NO_DATE = "1980-01-01@00:00:00"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can state
_OUTPUTS = ("probabilities", "logits", "embedding")


def convert(bundle: Bundle, precision: Precision, samples: Samples | None) -> Converted:
    """Return a bundle's network as a `.keras` file, of stock layers only.

    Args:
        bundle: The model.
        precision: float32.
        samples: Not needed.

    Raises:
        ModelError: The bundle's weights do not fit its architecture.
    """
    model = stock_model(bundle)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model{SUFFIX}"
        model.save(path)
        members = _members(path.read_bytes())
    metadata = json.loads(members[_METADATA])
    members[_METADATA] = json.dumps({**metadata, "date_saved": _NO_DATE}).encode()
    members[_CONFIG] = _numbered(members[_CONFIG].decode()).encode()
    return Converted(
        files={SUFFIX: _archive(members.items())}, outputs={name: name for name in _OUTPUTS}
    )


def embed(files: Mapping[str, bytes], description: str) -> Mapping[str, bytes]:
    """Return the files with the description as a member of the zip, `sightline.json`."""
    members = {**_members(files[SUFFIX]), MEMBER: description.encode()}
    return {SUFFIX: _archive(members.items())}


def _numbered(config: str) -> str:
    """Return the configuration with objects numbered as they come: all that counts is which."""
    numbers: dict[str, int] = {}
    return _OBJECT.sub(lambda found: str(numbers.setdefault(found[0], len(numbers) + 1)), config)


def _members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _archive(members: Iterable[tuple[str, bytes]]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name, date_time=_EPOCH), data, zipfile.ZIP_STORED)
    return stream.getvalue()

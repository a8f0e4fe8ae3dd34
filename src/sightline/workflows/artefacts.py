"""Bundles and exports of any format as one kind of thing, and the images they all hold out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sightline.dataset import Content, Dataset
from sightline.errors import ConfigError, DataError, ModelError, SightlineError
from sightline.files import printable, sha256_bytes
from sightline.images import Preprocessing
from sightline.inference.card import Place, is_export, read_card
from sightline.models.bundle import WEIGHTS, Bundle, read_bundle
from sightline.models.rules import Rules
from sightline.predictions import Predictions, Task
from sightline.workflows.evaluate import Selection, select


@dataclass(frozen=True, kw_only=True, eq=False)
class Artefact:
    """A bundle or an export, as far as it is known without running it.

    Attributes:
        name: What it is called in the table: no two alike.
        path: Where it stands.
        size: Bytes on the disk of all that belongs to it.
        classes: Class names in the order of the outputs.
        task: `"multi_class"` or `"multi_label"`.
        rules: From probabilities to answers.
        preprocessing: What makes its pixels.
        source: SHA-256 of the weights.
        bundle: What it is, unless it is an export.
    """

    name: str
    path: Path
    size: int
    classes: tuple[str, ...]
    task: Task
    rules: Rules
    preprocessing: Preprocessing
    source: str
    bundle: Bundle | None = None

    def predictions(
        self, names: Sequence[str], probabilities: np.ndarray, errors: Mapping[int, SightlineError]
    ) -> Predictions:
        """Return answers by the rules of the model.

        Args:
            names: Of the n images.
            probabilities: float32 (n, k); those of rows that failed say nothing.
            errors: Why a row failed.
        """
        probabilities = probabilities.copy()
        probabilities[list(errors)] = np.nan
        return Predictions(
            task=self.task,
            classes=self.classes,
            names=tuple(names),
            probabilities=probabilities,
            errors=errors,
            threshold=self.rules.threshold(self.classes),
        )


def expand(paths: Sequence[Path]) -> list[Path]:
    """Return the paths, and for a folder that is no export itself those of the exports in it.

    Raises:
        ModelError: Such a folder holds no export.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir() or is_export(path):
            found.append(path)
            continue
        inside = sorted(one for one in path.iterdir() if is_export(one))
        if not inside:
            raise ModelError(
                f"No export in {printable(path)}.",
                expected="exports, or a folder that holds some",
                fix="name the models and the exports themselves",
                code="no_such_model",
            )
        found += inside
    return found


def read_artefact(path: Path, name: str) -> Artefact:
    """Return what is known of the bundle or export at `path`, called `name`.

    Raises:
        ModelError: It is missing or damaged.
    """
    if is_export(path):
        card, place = read_card(path), Place.of(path)
        beside = {place.card, place.tensors} | {place.member(member) for member in card.files}
        return Artefact(
            name=name,
            path=path,
            size=sum(file.stat().st_size for file in beside if file.is_file()),
            classes=card.classes,
            task=card.task,
            rules=card.rules,
            preprocessing=card.preprocessing,
            source=card.source,
        )
    bundle = read_bundle(path)
    return Artefact(
        name=name,
        path=path,
        size=path.stat().st_size,
        classes=bundle.classes,
        task=bundle.architecture.task,
        rules=bundle.rules,
        preprocessing=bundle.preprocessing,
        source=sha256_bytes(bundle.members[WEIGHTS]),
        bundle=bundle,
    )


def select_images(
    artefacts: Sequence[Artefact], dataset: Dataset, contents: Sequence[Content], *, on: str
) -> Selection:
    """Return the images that all bundles hold out as the part `on`.

    Raises:
        ConfigError: The part is unknown, or an export is given without the bundle that it was
            made of: nothing then says what it was trained on.
        DataError: No image is left.
    """
    bundles = [one.bundle for one in artefacts if one.bundle is not None]
    known = {one.source for one in artefacts if one.bundle is not None}
    orphans = [one.name for one in artefacts if one.source not in known]
    if orphans and on != "new":
        raise ConfigError(
            f"Nothing says which images {orphans[0]} was trained on.",
            expected="the .sightline file that it was made of, among the models",
            fix="name that too; or give images that it has never seen: --on new",
            code="no_record",
        )
    records = [bundle.record() for bundle in bundles] or [()]
    found = [select(dataset, contents, record, on=on) for record in records]
    common = set.intersection(*({row.name for row in one.rows} for one in found))
    first = found[0]
    pairs = [
        (row, content)
        for row, content in zip(first.rows, first.contents, strict=True)
        if row.name in common
    ]
    if not pairs:
        raise DataError(
            f"None of the images given are held out as {on!r} by all models.",
            expected="images that no model has learned from",
            fix="train all from one folder, or give new images: --on new",
            code="nothing_to_compare",
        )
    return Selection(
        on=on,
        rows=tuple(row for row, _ in pairs),
        contents=tuple(content for _, content in pairs),
        seen=max(one.seen for one in found),
        new=first.new,
        other=first.other + len(first.rows) - len(pairs),
        missing=first.missing,
        relabelled=first.relabelled,
        copies=first.copies,
    )

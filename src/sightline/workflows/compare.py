"""`compare`: is it better? Two models on the images that neither has learned from.

Both are asked about the same images, those that the records of both hold out, so that neither
meets an image it knows. What each image's answer became decides, not two figures side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np

from sightline.dataset import Content, Dataset, RecordRow
from sightline.dataset.record import splits_on_record
from sightline.errors import ConfigError, DataError, unknown_name
from sightline.evaluation import Comparison, check_same_classes
from sightline.evaluation import compare as compare_answers
from sightline.evaluation.abstaining import Answered, answered
from sightline.inference import Runner
from sightline.workflows.evaluate import PARTS, Judged, Selection, evaluate_images, once

Records = tuple[Sequence[RecordRow], Sequence[RecordRow]]


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A comparison and the images it was made on.

    Attributes:
        comparison: Of the answers to all of them.
        selection: The images.
        same: Whether both give every image the same probabilities.
        answered: What the rules of each model do on them; `None` for one that answers all, and on
            validation images, which chose the rules.
    """

    comparison: Comparison
    selection: Selection
    same: bool
    answered: tuple[Answered | None, Answered | None]


def select_both(
    dataset: Dataset, contents: Sequence[Content], records: Records, *, on: str
) -> Selection:
    """Return the images that both models hold out as the part `on`, found by content.

    Args:
        dataset: The images given now.
        contents: Their content, aligned with `dataset.rows`.
        records: The images that each model was made with.
        on: `"test"`, `"validation"` or `"new"` (on neither record).

    Returns:
        The images, and why others are left out: `seen` if either model was trained on them,
        `new` if one of the records does not have them, `other` for all else. Names are missing
        if both records have them for this part.

    Raises:
        ConfigError: `on` is no part that judges.
        DataError: No image is held out by both.
    """
    if on not in PARTS:
        raise _no_part(on)
    known = [splits_on_record(record) for record in records]
    parts = [
        _common_part([splits.get(content.digest, "new") for splits in known], on)
        for content in contents
    ]
    belonging = [part == on for part in parts]
    which = once(dataset, contents, belonging, records)
    selection = Selection(
        on=on,
        rows=tuple(compress(dataset.rows, which)),
        contents=tuple(compress(contents, which)),
        seen=parts.count("train"),
        new=0 if on == "new" else parts.count("new"),
        other=parts.count("other"),
        missing=_missing(contents, records, on),
        relabelled=_relabelled(dataset, contents, records),
        copies=sum(belonging) - sum(which),
    )
    if not selection.rows:
        raise _nothing_in_common(selection)
    return selection


def compare_runners(
    before: Runner,
    after: Runner,
    selection: Selection,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Compared:
    """Ask both models about the selected images and compare the answers.

    Rows with a group are resampled and tested as groups.

    Args:
        before: The one.
        after: The other.
        selection: Of `select_both`.
        progress: Called with (done, total), both models counted together.

    Raises:
        DataError: The models do not tell the same classes apart, or do not know a label.
    """
    check_same_classes(before, after)
    n = len(selection.rows)

    def told(earlier: int) -> Callable[[int, int], None] | None:
        return progress and (lambda done, _: progress(earlier + done, 2 * n))

    judged = [
        evaluate_images(runner, selection, progress=told(earlier))
        for runner, earlier in ((before, 0), (after, n))
    ]
    comparison = compare_answers(
        judged[0].predictions,
        judged[1].predictions,
        judged[0].labels,
        groups=selection.groups,
    )
    before_answers, after_answers = (_answered(one) for one in judged)
    before_p, after_p = (one.predictions.probabilities for one in judged)
    return Compared(
        comparison=comparison,
        selection=selection,
        same=np.array_equal(before_p, after_p, equal_nan=True),
        answered=(before_answers, after_answers),
    )


def _answered(judged: Judged) -> Answered | None:
    selection = judged.selection
    if selection.on == "validation":  # which chose the rules
        return None
    return answered(judged.predictions, judged.labels, groups=selection.groups)


def _common_part(parts: Sequence[str], on: str) -> str:
    if "train" in parts:
        return "train"
    if all(part == on for part in parts):
        return on
    return "new" if "new" in parts and on != "new" else "other"


def _missing(contents: Sequence[Content], records: Records, on: str) -> tuple[str, ...]:
    given = {content.digest for content in contents}
    first, second = (
        {row.digest: row.name for row in record if row.split == on} for record in records
    )
    return tuple(name for digest, name in first.items() if digest in second and digest not in given)


def _relabelled(dataset: Dataset, contents: Sequence[Content], records: Records) -> tuple[str, ...]:
    labels = [{row.digest: set(row.labels) for row in record} for record in records]
    return tuple(
        row.name
        for row, content in zip(dataset.rows, contents, strict=True)
        if any(known.get(content.digest, set(row.labels)) != set(row.labels) for known in labels)
    )


def _no_part(on: str) -> ConfigError:
    if on != "train":
        return unknown_name("part", on, PARTS)
    return ConfigError(
        "The images that were trained on cannot be compared on.",
        expected=f"one of {', '.join(PARTS)}",
        fix="use --on test",
        code="trained_on",
    )


def _nothing_in_common(selection: Selection) -> DataError:
    counts = (
        f"{selection.seen} were trained on by one of them, {selection.new} are not on both "
        f"records, {selection.other} belong to another part"
    )
    return DataError(
        f"None of the images given are held out as {selection.on!r} by both models ({counts}).",
        expected="images that neither model has learned from",
        fix="train both from one folder, or give new images to both: --on new",
        code="nothing_to_compare",
    )

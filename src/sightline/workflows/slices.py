"""What is known of each judged image beside its label: columns, groups, size, and what is added.

`evaluation.slices` then says on which of them a model is weak.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from sightline.dataset import Content, Row
from sightline.evaluation import right_answers
from sightline.evaluation.slices import Attribute, Slices, slices
from sightline.predictions import Predictions


def slice_answers(
    predictions: Predictions,
    rows: Sequence[Row],
    contents: Sequence[Content],
    *,
    further: Mapping[str, Attribute] | None = None,
) -> Slices:
    """Return the slices of a model's answers, the worst first.

    Images without an answer are left out; the evaluation counts them.

    Args:
        predictions: The answers.
        rows: The images, aligned with the predictions.
        contents: Their content, aligned with the rows.
        further: Attributes that only the caller knows, aligned with the rows.
    """
    ok = np.flatnonzero(predictions.ok).tolist()
    kept = [rows[place] for place in ok]
    right = right_answers(predictions, [row.labels for row in rows])[ok]
    known = attributes_of(kept, [contents[place] for place in ok])
    for name, values in (further or {}).items():
        known[name] = values[ok] if isinstance(values, np.ndarray) else [values[i] for i in ok]
    return slices(right, known, groups=[row.group for row in kept])


def attributes_of(rows: Sequence[Row], contents: Sequence[Content]) -> dict[str, Attribute]:
    """Return what the manifest and the headers say of images, by name.

    Args:
        rows: The images.
        contents: Their content, aligned with the rows.

    Returns:
        Every further column of the manifest (numbers where all that is given are numbers), the
        group where images share one, size and looks of the pictures, camera and format.
    """
    columns = dict.fromkeys(name for row in rows for name in row.extra)
    known = {name: _column([row.extra.get(name, "") for row in rows]) for name in columns}
    shared = Counter(row.group for row in rows if row.group is not None)
    if any(count > 1 for count in shared.values()):
        known["group"] = [row.group or "" for row in rows]
    # A column of the manifest comes before what would bear the same name.
    return {**known, **{name: v for name, v in _measured(contents).items() if name not in known}}


def _measured(contents: Sequence[Content]) -> dict[str, Attribute]:
    headers = [content.header for content in contents]
    sizes = [(h.width, h.height) if h else (np.nan, np.nan) for h in headers]
    width, height = np.array(sizes, np.float64).reshape(-1, 2).T
    looks = [(c.look.brightness, c.look.sharpness) if c.look else (np.nan,) * 2 for c in contents]
    brightness, sharpness = np.array(looks, np.float64).reshape(-1, 2).T
    return {
        "pixels": width * height,
        "width / height": width / height,
        "brightness": brightness,
        "sharpness": sharpness,
        "camera": [content.trace.camera if content.trace else "" for content in contents],
        "format": [header.format if header else "" for header in headers],
    }


def _column(texts: Sequence[str]) -> Attribute:
    try:
        return np.array([float(text) if text else np.nan for text in texts], np.float64)
    except ValueError:
        return list(texts)

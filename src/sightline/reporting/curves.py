"""The course of a training as a picture: accuracy, loss, precision and recall by epoch.

Draws with matplotlib's objects alone: pyplot keeps figures, backends and settings for the
whole process, and a library must not touch those of its host.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sightline.errors import DataError
from sightline.files import load_module, printable, write_bytes

_PANELS = ("accuracy", "loss", "precision", "recall")
_LINES = (("training", "", "tab:blue"), ("validation", "validation_", "tab:orange"))


def read_history(path: str | os.PathLike[str]) -> tuple[dict[str, float], ...]:
    """Read the history of a training run from its CSV, one mapping for each epoch.

    Raises:
        DataError: It cannot be read, has no epochs, or a cell that is no number.
    """
    shown = printable(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
        rows = list(csv.DictReader(io.StringIO(text), strict=True))
        history = tuple({name: float(cell) for name, cell in row.items()} for row in rows)
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise _bad_history(f"{shown} cannot be read as a training history: {error}.") from error
    if not history or "epoch" not in history[0]:
        raise _bad_history(f"{shown} has no epochs.")
    return history


def save_curves(history: Sequence[Mapping[str, float]], path: str | os.PathLike[str]) -> None:
    """Write the curves of a history as a PNG of four panels, atomically.

    Args:
        history: One mapping for each epoch: `epoch`, and for each of accuracy, loss, precision
            and recall the figure in training and, as `validation_...`, in validation.
        path: Where the picture goes.

    Raises:
        DataError: The history is empty.
        MissingPackageError: matplotlib is not installed.
        MachineError: The file cannot be written.
    """
    if not history:
        raise _bad_history("A history without epochs has no curves.")
    figures = load_module("matplotlib.figure", purpose="draw training curves")
    figure = figures.Figure(figsize=(10, 7), layout="constrained")
    for axes, name in zip(figure.subplots(2, 2).flat, _PANELS, strict=True):
        _draw(axes, name, history)
    picture = io.BytesIO()
    # No program name in the file: the same history gives the same bytes.
    figure.savefig(picture, format="png", dpi=110, metadata={"Software": None})
    write_bytes(path, picture.getvalue())


def _draw(axes: Any, name: str, history: Sequence[Mapping[str, float]]) -> None:
    epochs = [row["epoch"] for row in history]
    for label, prefix, colour in _LINES:
        values = [row.get(prefix + name, float("nan")) for row in history]
        # Markers, or a run of one epoch would leave an empty panel.
        axes.plot(epochs, values, color=colour, label=label, marker="o", markersize=3)
    axes.set_title(name)
    axes.set_xlabel("epoch")
    axes.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend()


def _bad_history(what: str) -> DataError:
    return DataError(
        what,
        expected="a header with 'epoch', and one line of numbers for each epoch",
        fix="give the history.csv that `sightline train` wrote beside the bundle",
        code="bad_history",
    )

"""How the model came to be: its recipe, and how the training went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sightline.files import canonical_json
from sightline.reporting.facts import Curve, Facts, Training
from sightline.reporting.page.blocks import (
    Album,
    Block,
    Column,
    Figure,
    Figures,
    Folded,
    Pairs,
    Sentence,
    Table,
    TableCell,
)
from sightline.reporting.page.charts import Axis, Words, axis_over, line_chart
from sightline.reporting.page.section import Content, NotRun, Section
from sightline.reporting.page.sentences import counted

_LINES = (("training", ""), ("validation", "validation_"))
_PANELS = (
    ("loss", "Loss", "Where validation rises while training falls, the model learns by heart."),
    ("accuracy", "Accuracy", "The gap between the two is what it has learnt by heart."),
)


def _fill(facts: Facts, album: Album) -> Content:
    training = facts.training
    if training is None:
        return NotRun(reason="the figures were given without a model.")
    return (*_course(training), *_head(training), *_recipe(training))


def _course(training: Training) -> tuple[Block, ...]:
    history = training.history
    if not history:
        return (
            Sentence(text="A head was fitted on frozen features, so there are no epochs to draw."),
        )
    figures = tuple(
        _figure(history, key, title, caption)
        for key, title, caption in _PANELS
        if key in history[0]
    )
    best = max(history, key=lambda row: row.get("validation_accuracy", 0.0))
    lead = f"Trained for {counted(len(history), 'epoch')}."
    if "validation_accuracy" in best:
        lead += (
            f" Validation accuracy was highest, {best['validation_accuracy']:.3f}, in epoch "
            f"{best['epoch']:.0f}."
        )
    return (Sentence(text=lead), Figures(items=figures))


def _figure(history: Sequence[Mapping[str, float]], key: str, title: str, caption: str) -> Figure:
    epochs = tuple(row["epoch"] for row in history)
    curves = [
        Curve(name=name, x=epochs, y=tuple(row[prefix + key] for row in history))
        for name, prefix in _LINES
        if prefix + key in history[0]
    ]
    every = [value for curve in curves for value in curve.y]
    last = "; ".join(f"{curve.name} ends at {curve.y[-1]:.3f}" for curve in curves)
    svg = line_chart(
        curves,
        x=axis_over(epochs, label="epoch", whole=True),
        y=axis_over([*every, *([0.0] if key == "loss" else [])], label=key)
        if key != "accuracy"
        else Axis(label=key, low=min(0.9, *every) // 0.1 * 0.1, high=1.0),
        words=Words(id=f"training-{key}", title=f"{title} by epoch", description=last),
    )
    legend = tuple(curve.name for curve in curves)
    return Figure(title=f"{title} by epoch", svg=svg, legend=legend, caption=caption)


def _head(training: Training) -> tuple[Block, ...]:
    trials = (training.head or {}).get("trials", ())
    if not trials:
        return ()
    chosen = (training.head or {}).get("strength")
    rows = tuple(
        (
            TableCell(
                text=f"{trial['strength']:.3g}",
                order=trial["strength"],
                detail="chosen" if trial["strength"] == chosen else "",
            ),
            TableCell(text=f"{trial['validation_loss']:.3f}", order=trial["validation_loss"]),
            TableCell(
                text=f"{trial['validation_accuracy']:.3f}", order=trial["validation_accuracy"]
            ),
        )
        for trial in trials
    )
    columns = ("Penalty", "Validation loss", "Validation accuracy")
    table = Table(
        title="Penalties tried for the head",
        columns=tuple(Column(title=title, look="number") for title in columns),
        rows=rows,
    )
    said = f"{counted(len(rows), 'penalty', 'penalties')} tried for the head; {chosen:.3g} chosen"
    return (Folded(title=said, blocks=(table,)),)


def _recipe(training: Training) -> tuple[Block, ...]:
    entries = tuple(_entries(training.recipe))
    if not entries:
        return ()
    return (Folded(title="The recipe, in full", blocks=(Pairs(items=entries),)),)


def _entries(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _entries(inner, f"{path} › {key}" if path else str(key))
    else:
        yield path.replace("_", " "), value if isinstance(value, str) else canonical_json(value)


TRAINING = Section[Facts](id="training", title="Training", fill=_fill)

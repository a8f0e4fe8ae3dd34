"""Facts of every kind, made of figures drawn from a seed."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from sightline.auditing import NotRun, Suspicion
from sightline.dataset import Finding
from sightline.evaluation import Estimate, evaluate, mistakes, wilson
from sightline.predictions import Predictions
from sightline.reporting.card import Card
from sightline.reporting.cells import matrix_cells
from sightline.reporting.facts import (
    Abstaining,
    Bin,
    Calibration,
    ClassCount,
    Curve,
    Facts,
    Look,
    Place,
    Provenance,
    Reliability,
    Requirement,
    Sets,
    SliceRow,
    Stress,
    Thresholds,
    Training,
)
from sightline.reporting.page.render import names_wanted
from sightline.reporting.thumbnails import Pictures

FINE = ("ash", "birch", "cedar", "elm", "fir", "hazel", "larch", "maple", "oak", "pine")


def answers(
    classes: tuple[str, ...] = FINE, *, n: int = 400, seed: int = 0, skill: float = 3.5
) -> tuple[Predictions, list[tuple[str, ...]]]:
    """Return predictions and labels; neighbouring classes are taken for each other."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, len(classes), n)
    distance = np.abs(np.arange(len(classes))[None, :] - truth[:, None])
    logits = random.normal(0, 1.2, (n, len(classes))) + skill * np.exp(-distance / 1.2)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    predictions = Predictions(
        task="multi_class",
        classes=classes,
        names=tuple(f"{classes[k]}/{i:04}.jpg" for i, k in enumerate(truth)),
        probabilities=shares.astype(np.float32),
    )
    return predictions, [(classes[k],) for k in truth]


def some_facts(classes: tuple[str, ...] = FINE, *, n: int = 400, **changes: Any) -> Facts:
    """Return what a report has of any model: figures, cells, mistakes."""
    predictions, labels = answers(classes, n=n)
    fields: dict[str, Any] = {
        "title": "trees",
        "part": "test",
        "evaluation": evaluate(predictions, labels),
        "cells": matrix_cells(predictions, labels),
        "mistakes": mistakes(predictions, labels, 12),
    }
    return Facts(**{**fields, **changes})


def all_facts(classes: tuple[str, ...] = FINE, *, n: int = 400, **changes: Any) -> Facts:
    """Return facts in which nothing is missing."""
    return some_facts(classes, n=n, **{**_context(classes, n), **_curves(classes, n), **changes})


def some_pictures(facts: Facts) -> Pictures:
    """Return a plain picture for every image that the page would show."""
    random = np.random.default_rng(1)
    made = {}
    for name in names_wanted(facts):
        stream = io.BytesIO()
        top, bottom = random.integers(60, 230, (2, 3))
        fade = np.linspace(0, 1, 96)[:, None, None]
        pixels = (top * (1 - fade) + bottom * fade) * np.ones((96, 120, 1))
        Image.fromarray(pixels.astype(np.uint8)).save(stream, "JPEG")
        made[name] = stream.getvalue()
    overlaid = [one.name for one in facts.mistakes or ()][:3]
    return Pictures(thumbnails=made, overlays={name: made[name] for name in overlaid})


def _context(classes: tuple[str, ...], n: int) -> dict[str, Any]:
    epochs = range(1, 13)
    history = tuple(
        {
            "epoch": epoch,
            "loss": 1.9 * 0.75**epoch,
            "accuracy": 1 - 0.5 * 0.8**epoch,
            "validation_loss": 1.7 * 0.8**epoch + 0.012 * epoch,
            "validation_accuracy": 0.9 - 0.4 * 0.75**epoch,
        }
        for epoch in epochs
    )
    names = [f"{classes[0]}/{number:04}.jpg" for number in range(9)]
    return {
        "model": "trees.sightline",
        "data": "photos/trees",
        "created": "2026-11-21T20:00:00Z",
        "notes": ("1,400 images were trained on and are left out.",),
        "requirements": (
            Requirement(text="accuracy >= 0.7", passed=True, sentence="0.83, at least 0.79."),
            Requirement(text=f"recall[{classes[0]}] >= 0.95", passed=False, sentence="0.81."),
            Requirement(text="recall[yew] >= 0.9", passed=None, sentence="Only 3 images."),
        ),
        "card": Card(
            summary=("Tells trees by a leaf on white paper.",),
            intended_use=("Teaching in schools.",),
            limits=("Leaves in autumn colours.", "More than one leaf."),
        ),
        "counts": tuple(
            ClassCount(name=name, images={"train": 140, "validation": 30, "test": n // 10})
            for name in classes
        ),
        "findings": (
            Finding(check="leak", severity="error", message="2 images stand in two splits.",
                    paths=tuple(names[:2]), fix="--without leak"),
            Finding(check="small_class", severity="warning", message="Yew has 3 images."),
            Finding(check="duplicate", severity="info", message="9 copies.", paths=tuple(names)),
        ),
        "not_run": (NotRun(check="shortcut", reason="needs two classes"),),
        "places": {name: Place(labels=(classes[0],), split="test") for name in names[:2]},
        "heatmaps": "grad_cam",
        "splits": {"train": 1400, "validation": 300, "test": n},
        "training": Training(recipe={"mode": "full", "seed": 0, "optimisation": {"epochs": 12}},
                             history=history),
        "doubts": (Suspicion(name=names[3], given=classes[0], suggested=classes[1], wrong=0.96,
                              given_probability=0.02, suggested_probability=0.9),),
        "looks": (Look(when="2026-11-20T09:00:00Z", command="sightline evaluate trees"),),
        "provenance": Provenance(hashes={"model": "ab" * 32, "data": "cd" * 32}, seeds={"all": 0},
                                 trained_with={"python": "3.11.7", "packages": {"numpy": "2.4"}}),
    }  # fmt: skip


def _curves(classes: tuple[str, ...], n: int) -> dict[str, Any]:
    grid = np.linspace(0, 1, 60)
    band = tuple(grid**2 * 0.2 + 0.01)
    bins = [
        Bin(low=k / 10, high=(k + 1) / 10, confidence=k / 10 + 0.05,
            accuracy=wilson(round((k / 10 + gap) * 40), 40))
        for k, gap in ((k, 0.0) for k in range(3, 10))
    ]  # fmt: skip
    ece = Estimate(value=0.031, low=0.02, high=0.06, n=n)
    before = Estimate(value=0.094, low=0.07, high=0.12, n=n)
    return {
        "calibration": Calibration(
            diagrams=(
                Reliability(name="before", ece=before, bins=tuple(bins)),
                Reliability(name="after", ece=ece, bins=tuple(bins[2:])),
            ),
            temperatures=(1.4,),
            fitted_on="validation",
        ),
        "roc": tuple(
            Curve(name=name, x=tuple(grid), y=tuple(grid ** (0.1 + 0.02 * k)), n=n,
                  area=Estimate(value=0.97 - 0.01 * k, low=0.9, high=0.98, n=n))
            for k, name in enumerate(classes)
        ),
        "precision_recall": tuple(
            Curve(name=name, x=tuple(grid), y=tuple(1 - grid ** (8 - k % 6)), n=n,
                  area=Estimate(value=0.9 - 0.01 * k % 0.5, low=0.8, high=0.95, n=n))
            for k, name in enumerate(classes)
        ),
        "risk_coverage": Curve(name="risk", x=tuple(grid), y=band,
                               low=tuple(v * 0.7 for v in band), high=tuple(v * 1.3 for v in band)),
        "thresholds": Thresholds(values={classes[0]: 0.31}, promise="recall of 0.98"),
        "sets": (
            Sets(promised=0.9, reached=wilson(362, 400), size=1.12, empty=wilson(4, 400)),
            Sets(promised=0.99, reached=wilson(397, 400), size=2.4, empty=wilson(0, 400)),
        ),
        "abstaining": Abstaining(rules={"unsure": "confidence below 0.62"},
                                 coverage=wilson(340, 400), accuracy=wilson(320, 340),
                                 outside=wilson(45, 50)),
        "slices": (
            SliceRow(column="camera", value="north", accuracy=wilson(90, 100),
                     difference=Estimate(value=0.02, low=-0.05, high=0.09, n=400)),
            SliceRow(column="camera", value="south", accuracy=wilson(60, 100), flagged=True,
                     difference=Estimate(value=-0.24, low=-0.33, high=-0.15, n=400)),
        ),
        "stress": tuple(
            Stress(name=name, levels=(1.0, 2.0, 4.0), unit=unit, falls=(False, True, True),
                   accuracy=tuple(wilson(right, 400) for right in (332, 310, 250, fall)))
            for name, unit, fall in (("blur", "sigma in pixels", 140), ("noise", "level", 90))
        ),
    }  # fmt: skip

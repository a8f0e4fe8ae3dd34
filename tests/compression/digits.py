"""A small network that knows its digits, and the images on its record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from sightline.batches import ArrayCache
from sightline.conversion import to_litert
from sightline.dataset import Dataset, write_digits
from sightline.models.bundle import TWIN, WEIGHTS, Bundle, read_bundle
from sightline.models.members import pack_weights
from sightline.models.restore import restore
from sightline.models.weights import named_weights
from sightline.training.learnable import Learnable
from sightline.training.origin import keep_splits
from sightline.training.recipe import Options
from sightline.training.session import Session, in_python
from sightline.training.signals import StopRequest
from sightline.workflows.train import train
from sightline.workflows.training import Request

from ..workflows.training import Notebook


def trained(folder: Path) -> Bundle:
    """Return a bundle of a small residual network, trained in `folder`."""
    options = Options(
        weights="none",
        backbone="small_resnet",
        backbone_options={"widths": [16, 32]},
        channels=1,
        image_size=(16, 16),
        epochs=40,
        batch_size=16,
    )
    data = write_digits(folder / "digits", per_class=40)
    request = Request(
        data=data, save=folder / "m.sightline", options=options, shares=(0.5, 0.35, 0.15)
    )
    return read_bundle(train(request, watcher=Notebook(), stop=StopRequest()).path)


def images(folder: Path, bundle: Bundle) -> Learnable:
    """Return the images that `trained` used, without those of the test."""
    dataset = Dataset.from_folder(folder / "digits")
    contents = dataset.contents()
    dataset, _ = keep_splits(dataset, contents, bundle.record())
    kept = [row.split != "test" for row in dataset.rows]
    rows = tuple(row for row, keep in zip(dataset.rows, kept, strict=True) if keep)
    contents = tuple(content for content, keep in zip(contents, kept, strict=True) if keep)
    return Learnable(
        dataset=replace(dataset, rows=rows), contents=contents, earlier=bundle.record()
    )


def session(folder: Path) -> Session:
    """Return where a method may work."""
    cache = ArrayCache(folder / "arrays", limit_bytes=None)
    return in_python(cache, folder / "graphs", Notebook())


def unbalanced(bundle: Bundle, factor: float) -> Bundle:
    """Return the same function by other weights, which 8 bits find hard.

    One channel of a layer is `factor` times as large, and its readers take so much less of it.
    The range of the layer's map then belongs to that channel; the others share few levels.
    """
    model = restore(bundle)
    for layer in ("stage_1_block_1_1", "stage_2_block_1_1"):
        normalization = model.get_layer(f"{layer}_norm")
        reader = model.get_layer(f"{layer.removesuffix('_1')}_2")
        for value in (normalization.gamma, normalization.beta):
            value.assign(scaled(np.asarray(value), factor))
        kernel = np.moveaxis(np.asarray(reader.kernel), 2, 0)
        reader.kernel.assign(np.moveaxis(scaled(kernel, 1 / factor), 0, 2))
    return with_weights(bundle, model)


def scaled(values: np.ndarray, factor: float) -> np.ndarray:
    """Return values with the first of them (or the first row) times `factor`."""
    return np.concatenate([values[:1] * factor, values[1:]])


def with_weights(bundle: Bundle, model: keras.Model) -> Bundle:
    """Return the bundle with a model's weights, and its twin."""
    members = {name: bundle.members[name] for name in bundle.members}
    members[WEIGHTS] = pack_weights(named_weights(model))
    members[TWIN] = to_litert(model).content
    return replace(bundle, members=members)

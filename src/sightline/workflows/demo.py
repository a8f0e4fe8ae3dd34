"""`demo`: the main job on real handwritten digits that come with scikit-learn, told as a story."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from sightline.dataset.samples import write_digits
from sightline.evaluation import Mistake, mistakes
from sightline.images import FileSource, Source
from sightline.inference import LiteRTRunner, predict
from sightline.models.bundle import read_bundle
from sightline.predictions import Predictions
from sightline.training.loop import Watcher
from sightline.training.recipe import Options
from sightline.training.signals import StopRequest
from sightline.workflows.train import train
from sightline.workflows.training import Request, TrainResult

UNSURE_BELOW = 0.6
_MISTAKES = 3
_OPTIONS = Options(
    weights="none",
    effort="quick",
    backbone="small_cnn",
    backbone_options={"stem_width": 16, "widths": (32, 64, 128)},
    channels=1,
    image_size=(32, 32),
    optimizer="muon",
    epochs=8,
)
"""As accurate on these digits as the defaults, in a quarter of their time."""


@dataclass(frozen=True, kw_only=True)
class DemoResult:
    """What the demo shows.

    Attributes:
        data: The folder of images.
        trained: What training gave.
        mistakes: The surest wrong answers on test images.
        unsure: The answer to one of the pictures blended of two digits: the least sure one.
        broken: The row of a file that is cut off.
    """

    data: Path
    trained: TrainResult
    mistakes: tuple[Mistake, ...]
    unsure: Predictions
    broken: Predictions


def demo(folder: Path, *, watcher: Watcher, stop: StopRequest) -> DemoResult:
    """Write the sample below `folder`, train on it, and try what users will meet.

    Raises:
        SightlineError: As `workflows.train.train`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "digits"
    if not data.is_dir():
        write_digits(data)
    trained = train(
        Request(data=data, options=_OPTIONS, save=folder / "digits.sightline", overwrite=True),
        watcher=watcher,
        stop=stop,
    )
    tests = trained.predictions.names
    runner = LiteRTRunner(read_bundle(trained.path))
    blends = predict(runner, _blends(data, tests, folder / "blends"))
    least = int(np.argmin(blends.confidence))
    return DemoResult(
        data=data,
        trained=trained,
        mistakes=mistakes(trained.predictions, trained.labels, _MISTAKES),
        unsure=replace(blends[least], unsure_below=UNSURE_BELOW),
        broken=predict(runner, [_cut_off(data / tests[0], folder / "broken.png")]),
    )


def _blends(data: Path, names: tuple[str, ...], folder: Path) -> list[Source]:
    """Write pictures that are half one test digit, half another: nobody can say which."""
    folder.mkdir(exist_ok=True)
    sources: list[Source] = []
    step = max(1, len(names) // 12)
    for first, second in zip(names[::step], names[step::step], strict=False):
        path = folder / "{}_and_{}.png".format(*(Path(name).stem[-4:] for name in (first, second)))
        with Image.open(data / first) as one, Image.open(data / second) as other:
            Image.blend(one, other, 0.5).save(path)
        sources.append(FileSource(path, str(path)))
    return sources


def _cut_off(whole: Path, path: Path) -> Source:
    """Write the first half of an image file, as a broken download leaves it."""
    content = whole.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return FileSource(path, str(path))

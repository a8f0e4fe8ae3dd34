"""What training that continues takes over."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from sightline.images import Preprocessing
from sightline.models import Architecture
from sightline.training.origin import continue_options
from sightline.training.recipe import Options, resolve

NETWORK = {"widths": [8], "blocks": 1}
EARLIER = Options(
    backbone="small_resnet",
    backbone_options=NETWORK,
    weights="none",
    image_size=(32, 48),
    channels=1,
    fit="pad",
    tta="flip",
)


def continued(options: Options) -> tuple[Architecture, Preprocessing]:
    """Return what a run makes that continues from the bundle of `EARLIER`."""
    recipe = resolve(EARLIER, classes=3, task="multi_class")
    bundle = SimpleNamespace(architecture=recipe.architecture, preprocessing=recipe.preprocessing)
    options = continue_options(options, Path("a.sightline"), bundle)
    assert options.weights == "a.sightline"
    resolved = resolve(options, classes=3, task="multi_class")
    return resolved.architecture, resolved.preprocessing


def test_what_is_left_open_is_as_it_was() -> None:
    recipe = resolve(EARLIER, classes=3, task="multi_class")
    assert continued(Options()) == (recipe.architecture, recipe.preprocessing)


def test_what_is_said_is_heeded() -> None:
    architecture, preprocessing = continued(
        Options(image_size=(64, 64), fit="crop", tta="none", backbone_options={"blocks": 2})
    )
    assert (architecture.height, architecture.tta) == (64, "none")
    assert (preprocessing.fit, preprocessing.channels) == ("crop", 1)
    assert architecture.options["blocks"] == 2

"""What `train` decides before an image is read, and before TensorFlow, which takes seconds.

Needs no TensorFlow, so that a mistyped word is answered at once.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sightline.auditing import CHECKS
from sightline.auditing.gate import check_words
from sightline.batches import class_weights
from sightline.dataset import SPLITS, Dataset, RecordRow
from sightline.dataset.split import Fractions
from sightline.errors import ConfigError
from sightline.evaluation import check_askable
from sightline.models.bundle import SUFFIX, read_bundle
from sightline.models.wishes import check_wish
from sightline.training.origin import continue_options
from sightline.training.recipe import resolve
from sightline.workflows.run_folder import RunFolder
from sightline.workflows.training import Plan, Request


def destination(request: Request) -> Path:
    """Return where the bundle goes.

    Raises:
        ConfigError: Something stands there, or the suffix or folder is wrong.
    """
    data = request.data.resolve()
    name = data.name if data.is_dir() else data.stem
    path = request.save or Path(f"{name or 'model'}{SUFFIX}")
    return _folder(path, request).free()


def _folder(path: Path, request: Request) -> RunFolder:
    return RunFolder(path=path, resume=request.resume, overwrite=request.overwrite)


def plan_training(request: Request) -> Plan:
    """Refuse all that can be refused before an image is read or a folder made.

    Raises:
        ConfigError, DataError, ModelError: An option, the listing of the data or the model to
            continue from cannot be used.
    """
    check_words(request.allow, request.without)
    _refuse_not_looked_for(request.without)
    Fractions(**dict(zip(SPLITS, request.shares, strict=True)))  # refuses what are no shares
    origin = request.origin
    if origin is None and request.options.weights.endswith(SUFFIX):
        origin = Path(request.options.weights)
    earlier: tuple[RecordRow, ...] = ()
    if origin is not None:
        bundle = read_bundle(origin)
        options = continue_options(request.options, origin, bundle)
        request, earlier = replace(request, options=options, origin=origin), bundle.record()
    dataset = Dataset.open(request.data, allow=request.allow)
    check_askable(request.requirements, task=dataset.task, classes=dataset.classes)
    recipe = resolve(request.options, classes=len(dataset.classes), task=dataset.task)
    class_weights(recipe.class_weight, dataset.label_matrix(), dataset.classes)
    check_wish(request.wish, dataset.classes, dataset.task)
    path = destination(request)  # last: who adds --overwrite should not meet the next error then
    return Plan(
        request=request,
        folder=_folder(path, request),
        dataset=dataset,
        recipe=recipe,
        earlier=earlier,
    )


def _refuse_not_looked_for(without: tuple[str, ...]) -> None:
    """Refuse to leave out what training does not look for: silence would read as "none found"."""
    for word in without:
        if word in CHECKS and CHECKS[word].needs:
            raise ConfigError(
                f"--without {word} has nothing to go by: training does not look for it.",
                expected="a check that needs the images alone",
                fix="run `sightline audit DATA --with MODEL` and correct what it lists",
                code="check_not_run",
            )

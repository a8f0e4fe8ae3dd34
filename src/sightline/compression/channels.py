"""Structured pruning: whole channels are cut out, so that the network really computes less.

The channels that matter least for the multiply-adds they cost go (`importance`, `cutting`); those
tied by additions and depthwise convolutions go together (`layout`). The averages of batch
normalisation are then taken anew, the head is fitted anew, and what is left learns the original's
answers again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np

from sightline.compression.cutting import choose, cut
from sightline.compression.importance import channel_importance
from sightline.compression.inheritance import distillation, inherited, require_float
from sightline.compression.layout import Channels
from sightline.compression.options import ChannelOptions
from sightline.errors import ConfigError
from sightline.models.architecture import Architecture
from sightline.models.build import build
from sightline.models.bundle import Bundle
from sightline.models.parts import batch_normalization_layers
from sightline.models.restore import restore
from sightline.models.weights import assign_weights, named_weights
from sightline.training.assemble import Made
from sightline.training.learnable import Learnable
from sightline.training.parts import Part, heeding
from sightline.training.recipe import resolve
from sightline.training.session import Parts, Session, metrics_of, train_bundle
from sightline.training.teacher import Teacher

_BATCH = 32


def prune_channels(
    bundle: Bundle, data: Learnable, session: Session, options: ChannelOptions
) -> Made:
    """Return the bundle with fewer channels.

    Args:
        bundle: The original, which also teaches.
        data: The images on its record, each in the split that it has there.
        session: Where and before whom.
        options: How much goes.

    Raises:
        ConfigError: No channel of this network may go, or it was trained for 8 bits.
        SightlineError: As `training.session.train_bundle`.
    """
    require_float(bundle, options)
    part = Parts.of(data, bundle.preprocessing).training
    part = part.at(_spread(len(part), options.images))
    architecture, model = narrower(bundle, part, session, keep=options.keep)
    with session.watcher.stage("averaging anew") as progress:
        average_anew(model, part, progress=heeding(session.stop, progress))
    # All layers learn: the early ones are as good as new.
    asked = replace(inherited(bundle, options), frozen_stride=0)
    recipe = resolve(asked, classes=architecture.classes, task=architecture.task)
    recipe = replace(
        recipe,
        architecture=architecture,
        preprocessing=bundle.preprocessing,
        distillation=distillation(bundle, options),
    )
    trained, made = train_bundle(
        recipe, data, session, start=named_weights(model), teacher=Teacher(bundle)
    )
    return replace(made, bundle=replace(made.bundle, metrics=metrics_of(trained, made, {})))


def narrower(
    bundle: Bundle, part: Part, session: Session, *, keep: float
) -> tuple[Architecture, keras.Model]:
    """Return the network without the channels that matter least.

    Args:
        bundle: The original.
        part: Images that show which channels matter.
        session: Who is told.
        keep: Share of the multiply-adds that stays, at most.

    Raises:
        ConfigError: No channel of this network may go, or it was trained for 8 bits.
    """
    # Seen once: which channels matter does not depend on a second, mirrored view.
    seen = replace(bundle.architecture, tta="none")
    model = build(seen)
    assign_weights(model, named_weights(restore(bundle)))
    channels = Channels.of(model)
    if not channels.open:
        raise ConfigError(
            f"No channel of {seen.backbone} can be cut out: its layers are tied to each other.",
            expected="a network of convolutions",
            fix="use --method distill",
            code="nothing_to_prune",
        )
    with session.watcher.stage("weighing channels") as progress:
        importance = channel_importance(
            model, channels, part, task=seen.task, progress=heeding(session.stop, progress)
        )
    kept = choose(channels, importance, keep=keep)
    widths, weights = cut(channels, named_weights(model), kept)
    architecture = replace(bundle.architecture, widths={**seen.widths, **widths})
    pruned = build(replace(architecture, tta="none"))
    assign_weights(pruned, weights)
    return architecture, pruned


def average_anew(model: keras.Model, part: Part, *, progress: Callable[[int, int], None]) -> None:
    """Set the averages of batch normalisation to those of these images.

    Channels that are gone took their share of every sum with them. Each batch counts the same, as
    in Li et al. 2020, "EagleEye" (arXiv:2007.02491), section 3.3.

    Args:
        model: The network; its averages change.
        part: Images.
        progress: Called with (done, total); may raise.
    """
    layers = batch_normalization_layers(model)
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    try:
        for turn, start in enumerate(range(0, len(part), _BATCH)):
            rows = np.arange(start, min(start + _BATCH, len(part)))
            for layer in layers:
                layer.momentum = turn / (turn + 1)
            model(part.decode(rows), training=True)
            progress(int(rows[-1]) + 1, len(part))
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum


def _spread(rows: int, most: int) -> list[int]:
    """Return up to `most` rows, evenly from all: they come class by class, and are then mixed."""
    chosen = np.linspace(0, rows - 1, min(rows, most)).round().astype(int)
    order: list[int] = np.random.default_rng(0).permutation(chosen).tolist()
    return order

"""Temperature and rules of a graph of fewer bits, from its own answers.

Eight bits move probabilities, so what was chosen on those of the source would promise for others.
The images that calibrated the source are asked again, and everything is chosen anew from what the
export says of them: the temperature, when an image is unlike the training data, and whatever was
wished for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from sightline.errors import CheckFailedError
from sightline.evaluation.calibration import fit_temperature
from sightline.inference import Runner
from sightline.models.bundle import HELD_OUT, WEIGHTS, Bundle
from sightline.models.deciding import fulfil, held_out_of, unpromised
from sightline.models.members import TEMPERATURE, pack_held_out, pack_weights
from sightline.models.rules import HeldOut, familiar_rules
from sightline.models.wishes import Wish


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOutImages:
    """Images that calibrated a model, as far as they are at hand.

    Attributes:
        rows: int64 (m,), which rows of `Bundle.held_out` they are.
        pixels: Gives theirs at each call, some at a time: uint8 (n, height, width, channels).
    """

    rows: np.ndarray
    pixels: Callable[[], Iterable[np.ndarray]]


def refit(
    bundle: Bundle, runner: Runner, images: HeldOutImages
) -> tuple[Bundle, CheckFailedError | None]:
    """Return the bundle as if the runner's answers had calibrated it, and why a wish is not kept.

    Of a wish that these answers cannot fulfil, rule and promise are gone; the wish itself is still
    on record.

    Args:
        bundle: What the runner was made of.
        runner: Runs the graph of fewer bits.
        images: Those that calibrated the bundle.

    Raises:
        CheckFailedError: No image calibrated the bundle.
    """
    held_out, task = held_out_of(bundle), bundle.architecture.task
    given = [runner.run(pixels) for pixels in images.pixels()]
    embeddings = [one.embedding for one in given if one.embedding is not None]
    known = held_out.familiarity if embeddings else None
    distances = np.zeros(0, np.float32)
    if known is not None:
        distances = known.distances(np.concatenate(embeddings))
    again = HeldOut(
        logits=np.concatenate([one.logits for one in given]),
        truth=held_out.truth[images.rows],
        distances=distances,
        groups=held_out.groups[images.rows] if len(held_out.groups) else held_out.groups,
        familiarity=known,
    )
    temperature = fit_temperature(again.logits, again.truth, task=task).astype(np.float32)
    weights = {**bundle.weights(), TEMPERATURE: temperature}
    packed = {WEIGHTS: pack_weights(weights), HELD_OUT: pack_held_out(again)}
    rules = unpromised(bundle.rules)
    if rules.unlike_above is not None:
        rules = familiar_rules(replace(rules, unlike_above=None), again)
    told = replace(bundle, rules=rules, members={**bundle.members, **packed})
    told, refused = fulfil(told, Wish.from_json(bundle.rules.wish))
    return replace(told, rules=replace(told.rules, wish=bundle.rules.wish)), refused

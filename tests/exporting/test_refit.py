"""Temperature and rules of a graph of fewer bits, from its own answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sightline.errors import CheckFailedError
from sightline.exporting.refit import HeldOutImages, refit
from sightline.inference import Outputs
from sightline.models.bundle import HELD_OUT, Bundle
from sightline.models.deciding import decide
from sightline.models.familiarity import Familiarity
from sightline.models.members import pack_held_out
from sightline.models.rules import HeldOut, Rules
from sightline.models.wishes import Wish

from ..models.test_deciding import bundle_of


class Louder:
    """A runner whose logits are `times` those that the bundle held out, in the order asked for."""

    def __init__(
        self, bundle: Bundle, times: float, *, embedding: np.ndarray | None = None
    ) -> None:
        self.classes, self.task, self.rules = bundle.classes, bundle.task, bundle.rules
        self.preprocessing = bundle.preprocessing
        held_out = bundle.held_out()
        assert held_out is not None
        self._logits, self._embedding = times * held_out.logits, embedding

    def run(self, pixels: np.ndarray) -> Outputs:
        low, high = pixels[:, 0, 0, :2].astype(int).T
        rows = low + 256 * high
        logits = self._logits[rows].astype(np.float32)
        embedding = None if self._embedding is None else self._embedding[rows]
        return Outputs(probabilities=logits, logits=logits, embedding=embedding)


def images(rows: np.ndarray) -> HeldOutImages:
    pixels = np.zeros((len(rows), 1, 1, 3), np.uint8)
    pixels[:, 0, 0, 0], pixels[:, 0, 0, 1] = rows % 256, rows // 256
    return HeldOutImages(rows=rows, pixels=lambda: iter([pixels[:100], pixels[100:]]))


def test_the_temperature_is_that_of_its_own_logits() -> None:
    bundle = bundle_of()
    told = [refit(bundle, Louder(bundle, times), images(np.arange(600)))[0] for times in (1.0, 3.0)]
    one, three = (float(each.temperature()) for each in told)
    assert three == pytest.approx(3 * one, rel=0.02)
    assert float(bundle.temperature()) == 2.0  # as it was


def test_a_wish_is_fulfilled_anew_and_its_promise_with_it() -> None:
    wish = Wish(max_error=0.1)
    bundle = decide(bundle_of(), wish)
    told, refused = refit(bundle, Louder(bundle, 3.0), images(np.arange(600)))
    assert refused is None
    fresh = decide(replace(told, rules=Rules()), wish)
    assert told.rules.unsure_below == pytest.approx(fresh.rules.unsure_below)
    assert told.rules.promises["unsure_below"] == fresh.rules.promises["unsure_below"]
    assert told.rules.wish == {"max_error": 0.1}


def test_a_wish_that_cannot_be_fulfilled_any_more_is_given_up() -> None:
    bundle = decide(bundle_of(), Wish(max_error=0.1))
    few = images(np.arange(5))
    with pytest.raises(CheckFailedError):
        decide(refit(bundle_of(), Louder(bundle, 1.0), few)[0], Wish(max_error=0.1))
    told, refused = refit(bundle, Louder(bundle, 1.0), few)
    assert told.rules.unsure_below == () and "unsure_below" not in told.rules.promises
    assert refused is not None and told.rules.wish == {"max_error": 0.1}


def test_rules_that_came_with_no_wish_stay_but_promise_nothing() -> None:
    rules = Rules(unsure_below=(0.7,), promises={"unsure_below": "something"})
    bundle = replace(bundle_of(), rules=rules)
    told, _ = refit(bundle, Louder(bundle, 1.0), images(np.arange(600)))
    assert told.rules.unsure_below == (0.7,) and told.rules.promises == {}


def test_what_is_unlike_the_training_data_is_told_by_its_own_embeddings() -> None:
    bundle = bundle_of()
    rng = np.random.default_rng(0)
    embedding = rng.normal(size=(600, 8)).astype(np.float32)
    held_out = bundle.held_out()
    assert held_out is not None
    known = Familiarity.of(embedding[:100])
    packed = pack_held_out(
        HeldOut(
            logits=held_out.logits,
            truth=held_out.truth,
            distances=held_out.distances,
            familiarity=known,
        )
    )
    members = {**bundle.members, HELD_OUT: packed}
    bundle = replace(bundle, members=members, rules=Rules(unlike_above=0.123))
    asked = np.arange(100, 600)
    told, _ = refit(bundle, Louder(bundle, 1.0, embedding=embedding), images(asked))
    assert known is not None and told.rules.unlike_above is not None
    distances = np.sort(known.distances(embedding[asked]))
    assert told.rules.unlike_above == pytest.approx(distances[int(np.ceil(501 * 0.99)) - 1])
    plain, _ = refit(replace(bundle, rules=Rules()), Louder(bundle, 1.0), images(asked))
    assert plain.rules.unlike_above is None

"""The runtimes: what they refuse, and that they compute the same."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from sightline.conversion import to_litert
from sightline.errors import ModelError
from sightline.images import Preprocessing
from sightline.inference import LiteRTModel, LiteRTRunner, litert
from sightline.inference.keras import KerasRunner
from sightline.models import Architecture
from sightline.models.build import build
from sightline.models.bundle import HELD_OUT, TWIN, Bundle
from sightline.models.familiarity import Familiarity
from sightline.models.members import pack_held_out
from sightline.models.rules import HeldOut

OUTPUTS = ("probabilities", "logits", "embedding")


def a_bundle(model: keras.Model) -> Bundle:
    graph = to_litert(model)
    return Bundle(
        classes=("a", "b", "c"),
        task="multi_class",
        preprocessing=Preprocessing(height=16, width=20),
        architecture=Architecture(backbone="tutorial_cnn", classes=3, height=16, width=20),
        twin_outputs=graph.outputs,
        members={TWIN: graph.content},
    )


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(1)
    options = {"filters": [4, 8], "dense_units": 8}
    return build(
        Architecture(backbone="tutorial_cnn", classes=3, height=16, width=20, options=options)
    )


@pytest.fixture(scope="module")
def bundle(model: keras.Model) -> Bundle:
    return a_bundle(model)


@pytest.fixture(scope="module")
def keras_runner(model: keras.Model, bundle: Bundle) -> KerasRunner:
    return KerasRunner(
        model,
        classes=bundle.classes,
        task="multi_class",
        preprocessing=bundle.preprocessing,
        batch_size=4,
    )


def pixels(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, 16, 20, 3), np.uint8)


@pytest.mark.parametrize("count", [0, 1, 4, 11])
def test_the_twin_computes_what_keras_does(
    keras_runner: KerasRunner, bundle: Bundle, count: int
) -> None:
    expected, given = keras_runner.run(pixels(count)), LiteRTRunner(bundle).run(pixels(count))
    for name in OUTPUTS:
        one, other = getattr(expected, name), getattr(given, name)
        assert one.shape == other.shape
        assert one.dtype == other.dtype == np.float32
        assert other == pytest.approx(one, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("count", [3, 5, 60])
@pytest.mark.parametrize("threads", [2, 3])
def test_threads_do_not_change_the_answer(bundle: Bundle, threads: int, count: int) -> None:
    one = LiteRTRunner(bundle, threads=1).run(pixels(count))
    more = LiteRTRunner(bundle, threads=threads).run(pixels(count))
    for name in OUTPUTS:
        assert np.array_equal(getattr(one, name), getattr(more, name))


def test_interpreters_are_few_for_large_graphs(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    class Noting(litert._Graph):
        def __init__(self, content: bytes, outputs: dict[str, str], threads: int) -> None:
            made.append(threads)
            super().__init__(content, outputs, threads)

    monkeypatch.setattr(litert, "_Graph", Noting)
    size = len(bundle.twin())
    for most, expected in ((10 * size, [8] + 8 * [1]), (2 * size, [8, 4, 4]), (size, [8])):
        made.clear()
        monkeypatch.setattr(litert, "_MOST_BYTES", most)
        runner = LiteRTRunner(bundle, threads=8)
        for _ in range(2):
            runner.run(pixels(20))
        assert made == expected


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((2, 16, 20, 3), np.float32),
        np.zeros((2, 20, 16, 3), np.uint8),
        np.zeros((2, 16, 20, 1), np.uint8),
        np.zeros((16, 20, 3), np.uint8),
        np.zeros((0, 8), np.uint8),
    ],
    ids=["floats", "turned", "grey", "one image", "no images of another shape"],
)
def test_other_pixels_are_refused_by_every_runner(
    bundle: Bundle, keras_runner: KerasRunner, wrong: np.ndarray
) -> None:
    for runner in (LiteRTRunner(bundle), keras_runner):
        with pytest.raises(ModelError, match="uint8 of shape") as caught:
            runner.run(wrong)
        assert caught.value.code == "wrong_shape"


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.99])
def test_bytes_that_are_no_graph_are_refused(bundle: Bundle, kept: float) -> None:
    content = bundle.twin()
    cut = content[: int(kept if kept >= 1 else kept * len(content))]
    for data in (cut, b"\0" * len(cut), b"TFL3" * 100):
        with pytest.raises(ModelError) as caught:
            LiteRTModel(data, bundle.twin_outputs)
        assert caught.value.code == "damaged_model"


def test_a_graph_without_the_output_is_refused(bundle: Bundle) -> None:
    with pytest.raises(ModelError, match="no output nowhere"):
        LiteRTModel(bundle.twin(), {"probabilities": "nowhere"})


@pytest.mark.parametrize(
    "change",
    [
        {"classes": ("a", "b")},
        {"preprocessing": Preprocessing(height=20, width=16)},
        {"preprocessing": Preprocessing(height=16, width=20, channels=1)},
        {"twin_outputs": {"probabilities": "Identity", "logits": "Identity_1", "embedding": "x"}},
        {
            "twin_outputs": {
                "probabilities": "Identity",  # the embedding, eight numbers
                "logits": "Identity_1",
                "embedding": "Identity_2",
            }
        },
    ],
)
def test_a_twin_that_is_not_the_bundles_is_refused_when_it_is_opened(
    bundle: Bundle, change: dict[str, object]
) -> None:
    with pytest.raises(ModelError) as caught:
        LiteRTRunner(replace(bundle, **change))  # type: ignore[arg-type]
    assert caught.value.code == "damaged_model"


def test_embeddings_of_another_network_are_refused_when_it_is_opened(bundle: Bundle) -> None:
    answers = HeldOut(
        logits=np.zeros((3, len(bundle.classes)), np.float32),
        truth=np.eye(3, len(bundle.classes), dtype=bool),
        distances=np.zeros(3, np.float32),
        familiarity=Familiarity(reference=np.ones((3, 2), np.int8)),
    )
    members = {**bundle.members, HELD_OUT: pack_held_out(answers)}
    with pytest.raises(ModelError, match="those of the training have"):
        LiteRTRunner(replace(bundle, members=members))

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load as load_tensors

from sightline.errors import ModelError
from sightline.images import Preprocessing, preprocess
from sightline.inference import Outputs
from sightline.models.rules import Rules
from sightline.predictions import Task
from sightline.verification import GoldenCheck, check_golden, golden, make_golden


class Means:
    """A runner that answers by the mean of each channel."""

    classes = ("red", "green", "blue")
    task: Task = "multi_class"
    rules = Rules()

    def __init__(self, preprocessing: Preprocessing, *, scale: float = 1.0) -> None:
        self.preprocessing = preprocessing
        self._scale = scale

    def run(self, pixels: np.ndarray) -> Outputs:
        if pixels.shape[1:3] != (self.preprocessing.height, self.preprocessing.width):
            raise ModelError("Other pixels.")
        means = np.resize(pixels.mean(axis=(1, 2)), (len(pixels), 3)).astype(np.float32)
        logits = means * self._scale / 64
        powers = np.exp(logits)
        return Outputs(
            probabilities=powers / powers.sum(axis=1, keepdims=True), logits=logits, embedding=None
        )


PREPROCESSING = Preprocessing(height=40, width=56)


def stored(preprocessing: Preprocessing = PREPROCESSING) -> tuple[dict[str, Any], dict[str, bytes]]:
    made = make_golden(Means(preprocessing))
    return load_tensors(made.tensors), dict(made.files)


@pytest.mark.parametrize(
    "preprocessing",
    [PREPROCESSING, Preprocessing(height=32, width=32, channels=1, fit="pad")],
    ids=["colour", "grey"],
)
def test_golden_vectors_pass_where_they_were_made(preprocessing: Preprocessing) -> None:
    check = check_golden(Means(preprocessing), *stored(preprocessing))
    assert check == GoldenCheck(probabilities=0, logits=0, png=0, jpeg=0)
    assert check.passed


def test_they_are_the_same_each_time_and_small() -> None:
    assert make_golden(Means(PREPROCESSING)) == make_golden(Means(PREPROCESSING))
    tensors, files = stored()
    assert sum(map(len, files.values())) < 500_000
    assert tensors["pixels"].shape == (4, 40, 56, 3)


def test_a_changed_model_is_caught() -> None:
    check = check_golden(Means(PREPROCESSING, scale=1.01), *stored())
    assert not check.passed
    assert check.logits == pytest.approx(0.01, rel=0.1)
    assert check.png == check.jpeg == 0


def test_a_model_that_gives_nan_is_caught() -> None:
    check = check_golden(Means(PREPROCESSING, scale=float("nan")), *stored())
    assert check.probabilities == float("inf")
    assert not check.passed


@pytest.mark.parametrize(
    "changed",
    [
        Preprocessing(height=40, width=56, fit="crop" if PREPROCESSING.fit != "crop" else "pad"),
        Preprocessing(height=40, width=56, interpolation="nearest"),
        Preprocessing(height=40, width=56, background=(0, 0, 0)),
    ],
    ids=["fit", "interpolation", "background"],
)
def test_changed_preprocessing_is_caught(changed: Preprocessing) -> None:
    check = check_golden(Means(changed), *stored())
    assert not check.passed
    assert check.probabilities == 0, "the model is the same"


DECODERS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "swapped channels": lambda pixels: pixels[..., ::-1],
    "upside down": lambda pixels: pixels[::-1],
    "darker": lambda pixels: (pixels * 0.9).astype(np.uint8),
    "shifted by a pixel": lambda pixels: np.roll(pixels, 1, axis=1),
    "of another size": lambda pixels: pixels[1:],
}


@pytest.mark.parametrize("change", DECODERS.values(), ids=DECODERS.keys())
def test_a_changed_decoder_is_caught(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    tensors, files = stored()

    class Changed:
        def __init__(self, pixels: np.ndarray) -> None:
            self.pixels = change(pixels)

    monkeypatch.setattr(
        golden, "preprocess", lambda data, how: Changed(preprocess(data, how).pixels)
    )
    check = check_golden(Means(PREPROCESSING), tensors, files)
    assert check.png > golden.PNG_TOLERANCE
    assert check.jpeg > golden.JPEG_TOLERANCE
    assert not check.passed


def test_another_size_of_pixels_is_refused() -> None:
    with pytest.raises(ModelError):
        check_golden(Means(Preprocessing(height=56, width=40)), *stored())


@pytest.mark.parametrize("gone", ["pixels", "logits", "golden/rotated.png"])
def test_vectors_that_are_not_whole_are_refused(gone: str) -> None:
    tensors, files = stored()
    del tensors[gone]
    with pytest.raises(ModelError, match=f"not whole: {gone} missing"):
        check_golden(Means(PREPROCESSING), tensors, files)


def test_vectors_without_files_prove_nothing() -> None:
    tensors, files = stored()
    with pytest.raises(ModelError, match="not whole"):
        check_golden(Means(PREPROCESSING), tensors, {})
    pngs = {name: data for name, data in files.items() if name.endswith(".png")}
    with pytest.raises(ModelError, match="not whole"):
        check_golden(Means(PREPROCESSING), tensors, pngs)

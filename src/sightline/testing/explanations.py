"""What every method of explanation must do, as a suite of tests to inherit.

    @pytest.fixture(scope="module")
    def case() -> MethodCase:
        architecture = Architecture(backbone="small_cnn", classes=3, height=32, width=24)
        return MethodCase(method=METHODS["mine"], subject=subject_of(architecture))

    class TestMine(MethodContract):
        pass

Choose height and width that differ: a swapped pair then shows. Needs TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import keras
import numpy as np

from sightline.errors import ConfigError
from sightline.explanation import Attribution, Method, Subject
from sightline.explanation.network import Network
from sightline.images import Preprocessing
from sightline.inference.keras import KerasRunner
from sightline.models import Architecture
from sightline.models.build import build
from sightline.models.weights import named_weights


def subject_of(architecture: Architecture, *, seed: int = 0) -> Subject:
    """Return a network with random weights, the same one each time, as a subject."""
    keras.utils.set_random_seed(seed)
    model = build(architecture)
    # Normalisation with averages of its own: at first all would be 0 and 1.
    model(noise(architecture, images=16), training=True)
    runner = KerasRunner(
        model,
        classes=tuple(f"class {number}" for number in range(architecture.classes)),
        task=architecture.task,
        preprocessing=Preprocessing(
            height=architecture.height, width=architecture.width, channels=architecture.channels
        ),
    )
    return Subject(runner, lambda: Network(architecture, named_weights(model)))


def noise(architecture: Architecture, *, images: int) -> np.ndarray:
    """Return random uint8 images that fit a network."""
    shape = (images, architecture.height, architecture.width, architecture.channels)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@dataclass(frozen=True, kw_only=True)
class MethodCase:
    """A method under test.

    Attributes:
        method: The method.
        subject: What it explains.
        options: Those that make it fast enough for tests.
    """

    method: Method
    subject: Subject
    options: Mapping[str, object] = field(default_factory=dict)

    def pixels(self, images: int = 1) -> np.ndarray:
        """Return random uint8 images that fit the model."""
        wanted = self.subject.runner.preprocessing
        shape = (images, wanted.height, wanted.width, wanted.channels)
        return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)

    def ask(self, pixels: np.ndarray, target: int = 0) -> Attribution:
        """Return what the method finds in one image."""
        return self.method.attribute(self.subject, pixels, target=target, options=self.options)


class MethodContract:
    """What every method must do."""

    def test_the_map_fits_the_image(self, case: MethodCase) -> None:
        """One finite float32 for each pixel, and none below zero where there are no signs."""
        pixels = case.pixels()[0]
        values = case.ask(pixels).values
        _true(values.dtype == np.float32 and values.shape == pixels.shape[:2])
        _true(np.isfinite(values).all())
        _true(case.method.signed or (values >= 0).all())

    def test_the_same_question_has_the_same_answer(self, case: MethodCase) -> None:
        """Bit for bit."""
        pixels = case.pixels()[0]
        np.testing.assert_array_equal(case.ask(pixels).values, case.ask(pixels).values)

    def test_the_image_is_left_as_it_is(self, case: MethodCase) -> None:
        """Also one that may not be written to."""
        pixels = case.pixels()[0]
        before = pixels.copy()
        pixels.flags.writeable = False
        case.ask(pixels)
        np.testing.assert_array_equal(pixels, before)

    def test_the_image_matters(self, case: MethodCase) -> None:
        """Two images have different maps."""
        first, second = case.pixels(2)
        _true(not np.array_equal(case.ask(first).values, case.ask(second).values))

    def test_the_class_matters(self, case: MethodCase) -> None:
        """The map of one class is not that of another."""
        pixels = case.pixels()[0]
        first, second = (case.ask(pixels, target).values for target in range(2))
        _true(not np.array_equal(first, second))

    def test_figures_have_names(self, case: MethodCase) -> None:
        """What the method says of its work is finite numbers by name."""
        facts = case.ask(case.pixels()[0]).facts
        _true(all(np.isfinite(value) for value in facts.values()))

    def test_an_option_that_there_is_not_is_refused(self, case: MethodCase) -> None:
        """Before anything is computed."""
        try:
            case.method.attribute(
                case.subject, case.pixels()[0], target=0, options={"no such option": 1}
            )
        except ConfigError:
            return
        raise AssertionError("An unknown option was taken.")


def _true(condition: object) -> None:
    if not condition:
        raise AssertionError("The condition of this test does not hold.")

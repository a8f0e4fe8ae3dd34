from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import sightline
from sightline import Classifier, Dataset, Options
from sightline.errors import ConfigError, DataError, ImageError, ModelError
from sightline.models.bundle import read_bundle

TINY = Options(
    weights="none",
    backbone="tutorial_cnn",
    backbone_options={"filters": [4, 8], "dense_units": 16},
    effort="quick",
    image_size=(16, 16),
    epochs=8,
    batch_size=16,
    learning_rate=0.05,
    augment="none",
)
CLASSES = ("left", "right")


def pictures(count: int, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """Return noisy pictures (n, 20, 24, 3) that are bright on one side."""
    rng = np.random.default_rng(seed)
    labels = [CLASSES[number % 2] for number in range(count)]
    pixels = rng.integers(0, 120, (count, 20, 24, 3))
    for row, label in enumerate(labels):
        pixels[row, :, slice(0, 12) if label == "left" else slice(12, 24)] += 100
    return pixels.astype(np.uint8), labels


@pytest.fixture(scope="module")
def data() -> tuple[Dataset, Dataset, Dataset]:
    return Dataset.from_arrays(*pictures(120)).split()


@pytest.fixture(scope="module")
def fitted(data: tuple[Dataset, Dataset, Dataset]) -> Classifier:
    return Classifier(options=TINY).fit(data[0], validation_data=data[1])


@pytest.fixture(scope="module")
def saved(fitted: Classifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fitted.save(tmp_path_factory.mktemp("saved") / "sides.sightline")


def test_it_learns_from_arrays(fitted: Classifier, data: tuple[Dataset, Dataset, Dataset]) -> None:
    assert fitted.classes_ == CLASSES
    assert [row["epoch"] for row in fitted.history_] == list(range(1, 9))
    assert fitted.recipe_ is not None
    assert fitted.recipe_.mode == "scratch"
    evaluation = fitted.evaluate(data[2])
    assert evaluation.n == len(data[2])
    assert evaluation.accuracy.value > 0.9


def test_every_kind_of_image_gets_the_same_answer(fitted: Classifier, tmp_path: Path) -> None:
    pixels = pictures(1)[0][0]
    image = Image.fromarray(pixels)
    path = tmp_path / "image.png"
    image.save(path)
    things = [pixels, image, path, str(path), path.read_bytes()]
    assert fitted.predict(things) == ["left"] * 5
    probabilities = fitted.predict_proba(things)
    assert probabilities.shape == (5, 2)
    assert probabilities.dtype == np.float32
    assert np.ptp(probabilities, axis=0).max() == 0
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-6)


def test_no_images_get_no_answers(fitted: Classifier) -> None:
    assert fitted.predict([]) == []
    assert fitted.predict_proba([]).shape == (0, 2)


def test_a_bad_image_raises_or_is_a_row(fitted: Classifier) -> None:
    images = [pictures(1)[0][0], b"no image"]
    with pytest.raises(ImageError):
        fitted.predict(images)
    with pytest.raises(ImageError):
        fitted.predict_proba(images)
    answers = fitted.predictions(images)
    assert answers.labels == ("left", None)
    assert answers.ok.tolist() == [True, False]


def test_things_that_are_no_images_are_refused(fitted: Classifier) -> None:
    with pytest.raises(ConfigError):
        fitted.predict([3.14])
    with pytest.raises(ImageError):
        fitted.predict([np.zeros((4, 4, 3), np.float32)])


def test_a_path_is_no_dataset(fitted: Classifier, tmp_path: Path) -> None:
    for call in (sightline.audit, Classifier().fit, fitted.evaluate):
        with pytest.raises(ConfigError, match="is a str and no Dataset") as caught:
            call(str(tmp_path))
        assert "Dataset.open" in (caught.value.fix or "")
    with pytest.raises(ConfigError, match="an image from int"):
        fitted.predict(7)  # type: ignore[arg-type]


def test_saving_and_loading_changes_nothing(fitted: Classifier, saved: Path) -> None:
    loaded = sightline.load(saved)
    images = list(pictures(10, seed=7)[0])
    assert np.array_equal(loaded.predict_proba(images), fitted.predict_proba(images))
    assert loaded.classes_ == fitted.classes_
    assert [dict(row) for row in loaded.history_] == [dict(row) for row in fitted.history_]
    assert loaded.recipe_ is None
    again = loaded.save(saved.with_name("again.sightline"))
    assert again.read_bytes() == saved.read_bytes()


def test_saving_never_writes_over_a_file_unasked(fitted: Classifier, saved: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        fitted.save(saved)
    assert "overwrite=True" in (caught.value.fix or "")
    fitted.save(saved, overwrite=True)
    with pytest.raises(ConfigError):
        fitted.save(saved.with_suffix(".keras"))


def test_the_keras_model_is_the_same_function(fitted: Classifier, saved: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (6, 16, 16, 3), np.uint8)
    for classifier in (fitted, sightline.load(saved)):
        model = classifier.keras_model_
        assert isinstance(model, keras.Model)
        expected = np.asarray(model(pixels)["probabilities"])
        assert classifier.predict_proba(list(pixels)) == pytest.approx(expected, abs=1e-5)


def test_it_goes_on_from_its_own_file(saved: Path, data: tuple[Dataset, Dataset, Dataset]) -> None:
    classifier = Classifier(weights=str(saved), effort="quick")
    classifier.fit(data[0], validation_data=data[1])
    assert classifier.recipe_ is not None
    assert classifier.recipe_.architecture == read_bundle(saved).architecture
    assert classifier.evaluate(data[2]).accuracy.value > 0.9
    with pytest.raises(DataError) as caught:
        classifier.fit(data[2], validation_data=data[0])
    assert caught.value.code == "trained_on"


def test_validation_is_taken_from_train_where_none_is_given(
    data: tuple[Dataset, Dataset, Dataset],
) -> None:
    classifier = Classifier(options=replace(TINY, epochs=1)).fit(data[0])
    counts = {"train": 0, "validation": 0}
    for row in classifier.bundle_.record():
        counts[str(row.split)] += 1
    assert sum(counts.values()) == len(data[0])
    assert 5 <= counts["validation"] <= 25


def test_a_leak_between_train_and_validation_is_refused(
    data: tuple[Dataset, Dataset, Dataset],
) -> None:
    with pytest.raises(DataError) as caught:
        Classifier(options=TINY).fit(data[0], validation_data=data[0])
    assert caught.value.code in ("leak", "bad_dataset")


def test_validation_of_other_classes_is_refused(data: tuple[Dataset, Dataset, Dataset]) -> None:
    pixels, labels = pictures(10, seed=3)
    other = Dataset.from_arrays(pixels, [f"not {label}" for label in labels])
    with pytest.raises(DataError):
        Classifier(options=TINY).fit(data[0], validation_data=other)


def test_class_weights_come_from_fit_or_from_the_options(
    data: tuple[Dataset, Dataset, Dataset],
) -> None:
    balanced = replace(TINY, epochs=1, class_weight="balanced")
    one = Classifier(options=balanced).fit(data[0], validation_data=data[1])
    assert one.recipe_ is not None
    assert one.recipe_.class_weight == "balanced"
    weights = {"left": 2.0}
    other = Classifier(options=balanced).fit(data[0], validation_data=data[1], class_weight=weights)
    assert other.recipe_ is not None
    assert other.recipe_.class_weight == weights


def test_an_unfitted_classifier_says_so(tmp_path: Path) -> None:
    classifier = Classifier()
    for use in (
        lambda: classifier.predict([b""]),
        lambda: classifier.predict_proba([]),
        lambda: classifier.classes_,
        lambda: classifier.keras_model_,
        lambda: classifier.save(tmp_path / "x.sightline"),
    ):
        with pytest.raises(ConfigError, match="not fitted") as caught:
            use()
        assert caught.value.code == "not_fitted"


def test_options_stand_alone(data: tuple[Dataset, Dataset, Dataset]) -> None:
    with pytest.raises(ConfigError) as caught:
        Classifier(options=TINY, epochs=3).fit(data[0], validation_data=data[1])
    assert caught.value.code == "two_sources"


def test_an_option_without_effect_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    gone = Dataset.from_arrays(*pictures(4))
    with pytest.raises(ConfigError) as caught:
        Classifier(effort="quick", epochs=3).fit(gone, validation_data=gone)
    assert caught.value.code == "option_without_effect"


def test_loading_what_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "x.sightline").write_text("nothing")
    with pytest.raises(ModelError):
        sightline.load(tmp_path / "x.sightline")
    with pytest.raises(ModelError):
        sightline.load(tmp_path / "absent.sightline")


def test_loading_and_predicting_need_none_of_the_train_extra(saved: Path, tmp_path: Path) -> None:
    Image.fromarray(pictures(2)[0][1]).save(tmp_path / "image.png")
    program = f"""
import json, sys
from sightline.errors import MissingPackageError
extra = ("tensorflow", "keras", "cv2", "sklearn", "scipy", "matplotlib", "h5py", "pyarrow")
for name in extra:
    sys.modules[name] = None  # importing it fails
import sightline
classifier = sightline.load({str(saved)!r})
answers = classifier.predict([{str(tmp_path / "image.png")!r}])
try:
    classifier.keras_model_
except MissingPackageError as error:
    print(json.dumps([answers, error.fix]))
"""
    child = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert child.returncode == 0, child.stderr
    assert json.loads(child.stdout) == [["right"], "pip install 'sightline[train]'"]


def test_one_path_is_one_image_and_names_are_short(fitted: Classifier, tmp_path: Path) -> None:
    path = tmp_path / "one.png"
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(path)
    assert len(fitted.predict(str(path))) == len(fitted.predict(path)) == 1
    assert fitted.predict(path.read_bytes()) == fitted.predict([path])
    assert len(repr(fitted)) < 200 and repr(Classifier()) == "Classifier(not fitted)"

"""`sl.explain`: a trained model and any kind of image give a heat map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sightline as sl
from sightline.errors import ConfigError, ImageError, ModelError
from sightline.explanation import METHODS
from sightline.images import as_source
from sightline.inference.keras import KerasRunner
from sightline.models.restore import restore
from sightline.workflows.explain import Question, explain_images, open_subject

FAST = {"grad_cam": {}, "integrated_gradients": {"steps": 8}, "occlusion": {}}


@pytest.fixture(scope="module")
def model(trained) -> Path:
    return Path(trained.path)


@pytest.fixture(scope="module")
def digit(all_digits: Path) -> Path:
    return sorted((all_digits / "3").iterdir())[0]


@pytest.mark.parametrize("method", METHODS)
def test_a_path_and_a_classifier_give_the_same_map(model, digit, method):
    classifier = sl.load(model)
    one = sl.explain(model, digit, method=method, options=FAST[method])
    other = sl.explain(classifier, Image.open(digit), method=method, options=FAST[method])
    assert np.array_equal(one.values, other.values)
    assert one.label == classifier.predict([digit])[0]
    row = classifier.classes_.index(one.label)
    assert one.probability == classifier.predict_proba([digit])[0, row]
    assert one.values.shape == (16, 16) and not one.empty


def test_grad_cam_is_the_default_and_a_class_can_be_asked_for(model, digit):
    heatmap = sl.explain(model, digit, target="8")
    assert (heatmap.method, heatmap.label) == ("grad_cam", "8")
    with pytest.raises(ConfigError, match="no class 'x'"):
        sl.explain(model, digit, target="x")


def test_the_network_is_the_one_that_answers(model):
    """The runner is the LiteRT twin; the gradients are of the same function."""
    subject = open_subject(str(model))
    bundle = sl.load(model).bundle_
    restored = KerasRunner(
        restore(bundle),
        classes=bundle.classes,
        task="multi_class",
        preprocessing=bundle.preprocessing,
    )
    pixels = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 1), np.uint8)
    logits, _ = subject.network.pixel_gradients(pixels, 4)
    np.testing.assert_allclose(logits, subject.outputs(pixels).logits[:, 4], atol=1e-4)
    np.testing.assert_allclose(logits, restored.run(pixels).logits[:, 4], atol=1e-5)


def test_the_first_label_of_several_is_the_most_probable(model, digit):
    heatmap = sl.explain(model, digit, method="occlusion")
    assert heatmap.probability == sl.load(model).predict_proba([digit]).max()


def test_bad_images_have_an_error_and_the_others_a_map(model, digit, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"hello")
    sources = [as_source(path) for path in (digit, tmp_path / "broken.png", digit)]
    told = []
    question = Question(method=METHODS["occlusion"])
    answers = list(
        explain_images(
            open_subject(str(model)), sources, question, progress=lambda *now: told.append(now)
        )
    )
    assert [bool(answer.heatmaps) for answer in answers] == [True, False, True]
    assert isinstance(answers[1].error, ImageError)
    assert told == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(ImageError, match="not an image"):
        sl.explain(model, tmp_path / "broken.png")


def test_the_check_is_made_where_it_is_asked_for(model, digit):
    question = Question(method=METHODS["grad_cam"], sanity=True)
    (answer,) = explain_images(open_subject(str(model)), [as_source(digit)], question)
    assert [check.method for check in answer.checks] == ["grad_cam"]


def test_what_is_no_model_is_refused():
    with pytest.raises(ModelError, match="Did you mean 'mobilenet_v2'"):
        sl.explain("mobilnet_v2", np.zeros((8, 8, 3), np.uint8))


@pytest.mark.shared
def test_a_ready_made_model_can_be_explained(shared, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(shared / "keras_home"))
    photo = sorted((shared / "data" / "clothing" / "test" / "shoes").iterdir())[0]
    heatmap = sl.explain("mobilenet_v2", photo)
    assert heatmap.values.shape == (224, 224) and not heatmap.empty

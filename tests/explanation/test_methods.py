"""The contract for every method, with models of every kind."""

from __future__ import annotations

from importlib import util

import pytest

from sightline.errors import ConfigError, ModelError
from sightline.explanation import METHODS, Subject, default_method, explanation_method
from sightline.explanation.table import _table
from sightline.models import Architecture
from sightline.testing.explanations import MethodCase, MethodContract, subject_of

SMALL = {"backbone": "small_resnet", "height": 24, "width": 32, "options": {"widths": [4, 8]}}
MODELS = {
    "multi_class": Architecture(classes=3, **SMALL),
    "multi_label, grey": Architecture(classes=2, task="multi_label", channels=1, **SMALL),
    "mirrored": Architecture(classes=3, tta="flip", **SMALL),
}
FAST = {"integrated_gradients": {"steps": 5}}


@pytest.fixture(scope="module")
def case(request) -> MethodCase:
    name, model = request.param
    options = FAST.get(name, {})
    return MethodCase(method=METHODS[name], subject=subject_of(MODELS[model]), options=options)


@pytest.mark.parametrize(
    "case", [(name, model) for name in METHODS for model in MODELS], indirect=True, scope="module"
)
class TestMethod(MethodContract):
    pass


@pytest.mark.parametrize("name", METHODS)
def test_a_methods_own_defaults_are_allowed(name):
    method = METHODS[name]
    assert method.complete({}) == {key: option.default for key, option in method.options.items()}


def test_a_mistyped_method_suggests_the_near_one():
    with pytest.raises(ConfigError, match="Did you mean 'grad_cam'"):
        explanation_method("gradcam")


def test_a_name_cannot_stand_twice():
    with pytest.raises(ValueError, match="one name"):
        _table(METHODS["occlusion"], METHODS["occlusion"])


def test_a_model_without_a_network_answers_occlusion_only():
    whole = subject_of(MODELS["multi_class"])
    subject = Subject(whole.runner)
    case = MethodCase(method=METHODS["occlusion"], subject=subject)
    assert case.ask(case.pixels()[0]).values.any()
    for name in ("grad_cam", "integrated_gradients"):
        case = MethodCase(method=METHODS[name], subject=subject)
        with pytest.raises(ModelError, match="no gradients") as caught:
            case.ask(case.pixels()[0])
        assert caught.value.code == "no_gradients"


def test_the_default_needs_what_is_installed(monkeypatch):
    assert default_method() == "grad_cam"
    found = util.find_spec
    monkeypatch.setattr(
        "sightline.explanation.table.find_spec",
        lambda name: None if name == "tensorflow" else found(name),
    )
    assert default_method() == "occlusion"

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import ConfigError
from sightline.models import BACKBONES, Architecture


def arguments(**changes: object) -> dict[str, object]:
    return {"backbone": "small_resnet", "classes": 3, "height": 32, "width": 32, **changes}


@given(
    backbone=st.sampled_from(sorted(BACKBONES)),
    classes=st.integers(2, 1000),
    task=st.sampled_from(["multi_class", "multi_label"]),
    sides=st.tuples(st.integers(75, 4096), st.integers(75, 4096)),
    channels=st.sampled_from([1, 3]),
    dropout=st.floats(0, 0.99),
)
def test_json_and_back_is_the_identity(
    backbone: str, classes: int, task: str, sides: tuple[int, int], channels: int, dropout: float
) -> None:
    height, width = sides
    architecture = Architecture(
        backbone=backbone,
        classes=classes,
        task=task,
        height=height,
        width=width,
        channels=channels,
        dropout=dropout,
    )
    again = Architecture.from_json(json.loads(json.dumps(architecture.to_json())))
    assert again == architecture


def test_defaults_of_options_are_written_down() -> None:
    architecture = Architecture(**arguments(options={"blocks": 2}))
    assert architecture.to_json()["options"] == {
        "widths": [32, 64, 128],
        "blocks": 2,
        "stem": "auto",
        "norm": "batch",
        "activation": "relu",
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backbone": "mobilenet_v4"}, "Did you mean 'mobilenet_v"),
        ({"classes": 1}, "from 2 to"),
        ({"classes": True}, "classes is True"),
        ({"classes": 2.0}, "classes is 2.0"),
        ({"task": "multiclass"}, "Did you mean 'multi_class'"),
        ({"height": 8}, "from 16 to 4096 for small_resnet"),
        ({"width": 5000}, "width is 5000"),
        ({"channels": 4}, "channels is 4"),
        ({"channels": True}, "channels is True"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"dropout": float("nan")}, "dropout is nan"),
        ({"dropout": "0.5"}, "dropout is '0.5'"),
        ({"tta": "mirror"}, "Unknown tta 'mirror'"),
        ({"tta": None}, "Unknown tta None"),
        ({"task": 5}, "Unknown task 5"),
        ({"options": [1]}, "options is"),
        ({"options": {"width": 3}}, "no option 'width'. Did you mean 'widths'"),
        ({"options": {"widths": []}}, "1 to 6 whole numbers"),
        ({"options": {"widths": [32, 10**9]}}, "from 1 to 2048"),
        ({"options": {"widths": "32"}}, "widths is '32'"),
        ({"options": {"blocks": True}}, "blocks is True"),
        ({"options": {"norm": "layer"}}, "one of batch, group, none"),
        ({"backbone": "vgg16", "options": {"alpha": 0.5}}, "vgg16 has no option 'alpha'"),
        ({"backbone": "resnet50", "options": {"x": 1}}, "no options"),
        ({"backbone": "vgg16", "options": {"classifier_layers": 1}}, "true or false"),
        ({"backbone": "mobilenet", "options": {"alpha": float("nan")}}, "from 0.1 to 2"),
        ({"backbone": "inception_v3", "height": 74}, "from 75"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Architecture(**arguments(**changes))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "a JSON object"),
        ({"classes": 3}, "lacks backbone, height, width"),
        (arguments(hight=3), "Did you mean 'height'"),
    ],
)
def test_json_is_closed(value: object, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Architecture.from_json(value)
    assert message in str(caught.value)

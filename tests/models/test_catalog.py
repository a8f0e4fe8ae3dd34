from __future__ import annotations

import subprocess
import sys

import pytest

from sightline.errors import ConfigError
from sightline.models import BACKBONES, backbone_card
from sightline.models.imagenet_md5 import IMAGENET_MD5

FAMILIES = [
    *("mobilenet", "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large"),
    *("resnet50", "resnet50_v2", "inception_v3", "vgg16", "vgg19"),
    *(f"efficientnet_b{number}" for number in range(4)),
    *(f"efficientnet_v2_b{number}" for number in range(4)),
    *("tutorial_cnn", "small_cnn", "small_resnet"),
]


def test_the_promised_backbones_are_there() -> None:
    assert set(FAMILIES) <= set(BACKBONES)


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_a_card_is_complete(name: str) -> None:
    card = backbone_card(name)
    assert card.name == name
    assert card.title and card.licence and card.source
    assert min(card.default_size) >= max(card.minimum_size)
    assert card.size_mb == pytest.approx(card.parameters * 4e-6, abs=0.05)
    assert card.weights == (("imagenet",) if card.imagenet else ())
    for option_name, option in card.options.items():
        assert option.check(option_name, option.default) == option.default
        assert option.meaning.endswith(".")


@pytest.mark.parametrize(
    ("name", "options", "file"),
    [
        ("mobilenet", (0.25, 128, True), "mobilenet_2_5_128_tf.h5"),
        ("mobilenet", (1.0, 224, False), "mobilenet_1_0_224_tf_no_top.h5"),
        (
            "mobilenet_v2",
            (0.35, 96, False),
            "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96_no_top.h5",
        ),
        (
            "mobilenet_v3_small",
            (0.75, 224, False),
            "weights_mobilenet_v3_small_224_0.75_float_no_top_v2.h5",
        ),
        (
            "resnet50_v2",
            (1.0, 224, False),
            "resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        ),
        ("vgg16", (1.0, 224, True), "vgg16_weights_tf_dim_ordering_tf_kernels.h5"),
        ("efficientnet_b0", (1.0, 224, False), "efficientnetb0_notop.h5"),
        ("efficientnet_v2_b3", (1.0, 300, True), "efficientnetv2-b3.h5"),
    ],
)
def test_file_names_are_those_that_keras_looks_for(
    name: str, options: tuple[float, int, bool], file: str
) -> None:
    alpha, size, with_classifier = options
    files = BACKBONES[name].imagenet
    assert files is not None
    assert files.file_name(alpha=alpha, size=size, with_classifier=with_classifier) == file


def test_every_digest_belongs_to_a_backbone() -> None:
    assert {key.partition(" ")[0] for key in IMAGENET_MD5} <= set(BACKBONES)


def test_a_mistyped_backbone_is_answered_with_the_near_one() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'mobilenet_v2'") as caught:
        backbone_card("mobilenetv2")
    assert caught.value.code == "unknown_backbone"


def test_the_catalogue_needs_no_tensorflow() -> None:
    code = (
        "import sys, sightline.models, sightline.models.imagenet;"
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

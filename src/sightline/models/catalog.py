"""The catalogue of backbones: one card of facts for each, and the files of their weights.

TensorFlow-free. A card's facts hold for the default options; a test compares every card
with the network really built. To add a backbone: one card here, and where Keras does not
have the network, one builder (`models.scratch` shows the shape).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sightline.errors import unknown_name
from sightline.models.options import Option

_ORIGIN = "https://storage.googleapis.com/tensorflow/keras-applications/"


@dataclass(frozen=True, kw_only=True)
class ImageNetFiles:
    """The weight files that Keras publishes for a backbone.

    A file's name is `pattern` with `{alpha}`, `{size}` and `{top}` filled in.

    Attributes:
        folder: Address of the folder that the files are downloaded from.
        pattern: Template of the file name.
        top: What `{top}` becomes with the classifier, and without.
        sizes: Side lengths that there is a file for: the images it was trained on.
        alphas: Width multipliers that there is a file for, as they stand in the name.
        md5: Digest of the file with the classifier and without, where Keras states them;
            for several alphas, in their order.
    """

    folder: str
    pattern: str
    top: tuple[str, str] = ("", "_notop")
    sizes: tuple[int, ...] = (224,)
    alphas: Mapping[float, str] = field(default_factory=lambda: {1.0: ""})
    md5: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class BackboneCard:
    """What one wants to know of a backbone before choosing it.

    Attributes:
        name: The word for it everywhere in Sightline.
        title: The name people use.
        builder: `"module:attribute"`: a class of `keras.applications` or a builder of ours.
        arguments: More arguments for a `keras.applications` builder.
        parameters: Number of weights without the head.
        scaling: How uint8 pixels become the backbone's input, a name in `models.layers`.
        licence: Of the network and its ImageNet weights.
        default_size: (height, width) of images where the user states none.
        minimum_size: The smallest (height, width).
        embedding: Length of the feature vector that the head reads.
        feature_layer: The layer whose output is the last convolutional activation (Grad-CAM).
        imagenet: The published weights, if there are any.
        options: The backbone's options with their defaults.
        source: The paper.
    """

    name: str
    title: str
    builder: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    parameters: int
    scaling: str
    licence: str
    default_size: tuple[int, int] = (224, 224)
    minimum_size: tuple[int, int] = (32, 32)
    embedding: int
    feature_layer: str
    imagenet: ImageNetFiles | None = None
    options: Mapping[str, Option] = field(default_factory=dict)
    source: str

    @property
    def weights(self) -> tuple[str, ...]:
        """Names of the published weights."""
        return ("imagenet",) if self.imagenet else ()

    @property
    def size_mb(self) -> float:
        """Size of the float32 weights without the head, in megabytes (10^6 bytes)."""
        return round(self.parameters * 4 / 1e6, 1)


def backbone_card(name: str) -> BackboneCard:
    """Return the card of a backbone.

    Raises:
        ConfigError: There is none of that name; the nearest name is suggested.
    """
    if name not in BACKBONES:
        raise unknown_name("backbone", name, BACKBONES)
    return BACKBONES[name]


def _table(*cards: BackboneCard) -> Mapping[str, BackboneCard]:
    table = {card.name: card for card in cards}
    if len(table) != len(cards):
        raise ValueError("two backbones have one name")
    return table


_WIDTH = Option(default=1.0, low=0.1, high=2.0, meaning="Width multiplier of every layer.")
_CLASSIFIER_LAYERS = Option(
    default=False,
    meaning="Keep the original network's layers between pooling and classifier.",
)
_ACTIVATIONS = ("elu", "gelu", "leaky_relu", "relu", "silu", "tanh")
_ACTIVATION = Option(
    default="relu", choices=_ACTIVATIONS, meaning="Activation after each convolution."
)


def _mobilenet_v3(
    size: str, parameters: int, embedding: int, activation: str, md5: Any
) -> BackboneCard:
    return BackboneCard(
        name=f"mobilenet_v3_{size}",
        title=f"MobileNetV3 {size}",
        builder=f"keras.applications:MobileNetV3{size.capitalize()}",
        arguments={"include_preprocessing": False},
        parameters=parameters,
        scaling="minus_one_to_one",
        licence="Apache-2.0",
        embedding=embedding,
        feature_layer=activation,
        imagenet=ImageNetFiles(
            folder=_ORIGIN + "mobilenet_v3/",
            pattern=f"weights_mobilenet_v3_{size}_224_{{alpha}}_float{{top}}.h5",
            top=("", "_no_top_v2"),
            alphas={0.75: "0.75", 1.0: "1.0"},
            md5=md5,
        ),
        options={"alpha": _WIDTH, "classifier_layers": _CLASSIFIER_LAYERS},
        source="Howard et al. 2019, Searching for MobileNetV3, arXiv:1905.02244",
    )


def _resnet(depth: int, parameters: int, md5: tuple[str, str]) -> BackboneCard:
    return BackboneCard(
        name=f"resnet{depth}",
        title=f"ResNet-{depth}",
        builder=f"keras.applications:ResNet{depth}",
        parameters=parameters,
        scaling="caffe",
        licence="MIT",
        embedding=2048,
        feature_layer="conv5_block3_out",
        imagenet=ImageNetFiles(
            folder=_ORIGIN + "resnet/",
            pattern=f"resnet{depth}_weights_tf_dim_ordering_tf_kernels{{top}}.h5",
            md5=(md5,),
        ),
        source="He et al. 2015, Deep Residual Learning for Image Recognition, arXiv:1512.03385",
    )


def _resnet_v2(depth: int, parameters: int, md5: tuple[str, str]) -> BackboneCard:
    return BackboneCard(
        name=f"resnet{depth}_v2",
        title=f"ResNet-{depth} V2",
        builder=f"keras.applications:ResNet{depth}V2",
        parameters=parameters,
        scaling="minus_one_to_one",
        licence="BSD-3-Clause",
        embedding=2048,
        feature_layer="post_relu",
        imagenet=ImageNetFiles(
            folder=_ORIGIN + "resnet/",
            pattern=f"resnet{depth}v2_weights_tf_dim_ordering_tf_kernels{{top}}.h5",
            md5=(md5,),
        ),
        source="He et al. 2016, Identity Mappings in Deep Residual Networks, arXiv:1603.05027",
    )


def _vgg(depth: int, parameters: int, feature_layer: str, md5: tuple[str, str]) -> BackboneCard:
    return BackboneCard(
        name=f"vgg{depth}",
        title=f"VGG-{depth}",
        builder=f"keras.applications:VGG{depth}",
        parameters=parameters,
        scaling="caffe",
        licence="CC-BY-4.0",
        embedding=512,
        feature_layer=feature_layer,
        imagenet=ImageNetFiles(
            folder=f"{_ORIGIN}vgg{depth}/",
            pattern=f"vgg{depth}_weights_tf_dim_ordering_tf_kernels{{top}}.h5",
            md5=(md5,),
        ),
        options={"classifier_layers": _CLASSIFIER_LAYERS},
        source="Simonyan and Zisserman 2014, Very Deep Convolutional Networks, arXiv:1409.1556",
    )


def _efficientnet(
    version: str, side: int, parameters: int, embedding: int, md5: tuple[str, str]
) -> BackboneCard:
    return BackboneCard(
        name=f"efficientnet_{version}",
        title=f"EfficientNet-{version.upper()}",
        builder=f"keras.applications:EfficientNet{version.upper()}",
        parameters=parameters,
        scaling="inside",
        licence="Apache-2.0",
        default_size=(side, side),
        embedding=embedding,
        feature_layer="top_activation",
        imagenet=ImageNetFiles(
            folder="https://storage.googleapis.com/keras-applications/",
            pattern=f"efficientnet{version}{{top}}.h5",
            sizes=(side,),
            md5=(md5,),
        ),
        source="Tan and Le 2019, EfficientNet, arXiv:1905.11946",
    )


def _efficientnet_v2(
    version: str, side: int, parameters: int, embedding: int, md5: tuple[str, str]
) -> BackboneCard:
    return BackboneCard(
        name=f"efficientnet_v2_{version}",
        title=f"EfficientNetV2-{version.upper()}",
        builder=f"keras.applications:EfficientNetV2{version.upper()}",
        arguments={"include_preprocessing": False},
        parameters=parameters,
        scaling="imagenet_mean_and_deviation",
        licence="Apache-2.0",
        default_size=(side, side),
        embedding=embedding,
        feature_layer="top_activation",
        imagenet=ImageNetFiles(
            folder=_ORIGIN + "efficientnet_v2/",
            pattern=f"efficientnetv2-{version}{{top}}.h5",
            sizes=(side,),
            md5=(md5,),
        ),
        source="Tan and Le 2021, EfficientNetV2, arXiv:2104.00298",
    )


_MOBILENET = BackboneCard(
    name="mobilenet",
    title="MobileNet (V1)",
    builder="keras.applications:MobileNet",
    parameters=3228864,
    scaling="minus_one_to_one",
    licence="Apache-2.0",
    embedding=1024,
    feature_layer="conv_pw_13_relu",
    imagenet=ImageNetFiles(
        folder=_ORIGIN + "mobilenet/",
        pattern="mobilenet_{alpha}_{size}_tf{top}.h5",
        top=("", "_no_top"),
        sizes=(128, 160, 192, 224),
        alphas={0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"},
    ),
    options={"alpha": _WIDTH},
    source="Howard et al. 2017, MobileNets, arXiv:1704.04861",
)

_MOBILENET_V2 = BackboneCard(
    name="mobilenet_v2",
    title="MobileNetV2",
    builder="keras.applications:MobileNetV2",
    parameters=2257984,
    scaling="minus_one_to_one",
    licence="Apache-2.0",
    embedding=1280,
    feature_layer="out_relu",
    imagenet=ImageNetFiles(
        folder=_ORIGIN + "mobilenet_v2/",
        pattern="mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{size}{top}.h5",
        top=("", "_no_top"),
        sizes=(96, 128, 160, 192, 224),
        alphas={value: str(value) for value in (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)},
    ),
    options={"alpha": _WIDTH},
    source="Sandler et al. 2018, MobileNetV2, arXiv:1801.04381",
)

_INCEPTION_V3 = BackboneCard(
    name="inception_v3",
    title="Inception V3",
    builder="keras.applications:InceptionV3",
    parameters=21802784,
    scaling="minus_one_to_one",
    licence="Apache-2.0",
    default_size=(299, 299),
    minimum_size=(75, 75),
    embedding=2048,
    feature_layer="mixed10",
    imagenet=ImageNetFiles(
        folder=_ORIGIN + "inception_v3/",
        pattern="inception_v3_weights_tf_dim_ordering_tf_kernels{top}.h5",
        sizes=(299,),
        md5=(("9a0d58056eeedaa3f26cb7ebd46da564", "bcbd6486424b2319ff4ef7d526e38f63"),),
    ),
    source="Szegedy et al. 2015, Rethinking the Inception Architecture, arXiv:1512.00567",
)

_TUTORIAL_CNN = BackboneCard(
    name="tutorial_cnn",
    title="The tutorial CNN",
    builder="sightline.models.scratch:tutorial_cnn",
    parameters=19033664,
    scaling="zero_to_one",
    licence="Apache-2.0",
    default_size=(150, 150),
    minimum_size=(8, 8),
    embedding=512,
    feature_layer="features",
    options={
        "filters": Option(
            default=(32, 64, 128), low=1, high=2048, most=8, meaning="Filters of each block."
        ),
        "kernel_size": Option(default=3, low=1, high=11, meaning="Side of each kernel."),
        "activation": _ACTIVATION,
        "pooling": Option(
            default="max", choices=("average", "max"), meaning="How each block halves the map."
        ),
        "dense_units": Option(
            default=512, low=1, high=8192, meaning="Units of the layer before the head."
        ),
        "dropout": Option(
            default=0.5, low=0, high=0.95, meaning="Share dropped before that layer in training."
        ),
    },
    source="The convolutional network of the Keras tutorials",
)

_SMALL_RESNET = BackboneCard(
    name="small_resnet",
    title="Small residual network",
    builder="sightline.models.scratch:small_resnet",
    parameters=308704,
    scaling="minus_one_to_one",
    licence="Apache-2.0",
    default_size=(64, 64),
    minimum_size=(16, 16),
    embedding=128,
    feature_layer="features",
    options={
        "widths": Option(
            default=(32, 64, 128), low=1, high=2048, most=6, meaning="Filters of each stage."
        ),
        "blocks": Option(default=1, low=1, high=32, meaning="Residual blocks in each stage."),
        "stem": Option(
            default="auto",
            choices=("auto", "fine", "coarse"),
            meaning="First layer: fine keeps the size, coarse quarters it; auto goes by the size.",
        ),
        "norm": Option(
            default="batch", choices=("batch", "group", "none"), meaning="Normalisation."
        ),
        "activation": _ACTIVATION,
    },
    source="After He et al. 2015, arXiv:1512.03385, section 4.2 (the networks for CIFAR-10)",
)

BACKBONES: Mapping[str, BackboneCard] = _table(
    _MOBILENET,
    _MOBILENET_V2,
    _mobilenet_v3(
        "small",
        939120,
        576,
        "activation_17",
        (
            ("cb65d4e5be93758266aa0a7f2c6708b7", "ebdb5cc8e0b497cd13a7c275d475c819"),
            ("8768d4c2e7dee89b9d02b2d03d65d862", "d3e8ec802a04aa4fc771ee12a9a9b836"),
        ),
    ),
    _mobilenet_v3(
        "large",
        2996352,
        960,
        "activation_19",
        (
            ("765b44a33ad4005b3ac83185abf1d0eb", "40af19a13ebea4e2ee0c676887f69a2e"),
            ("59e551e166be033d707958cf9e29a6a7", "07fb09a5933dd0c8eaafa16978110389"),
        ),
    ),
    _resnet(50, 23587712, ("2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626")),
    _resnet(
        101, 42658176, ("f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21")
    ),
    _resnet(
        152, 58370944, ("100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c")
    ),
    _resnet_v2(
        50, 23564800, ("3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917")
    ),
    _resnet_v2(
        101, 42626560, ("6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5")
    ),
    _resnet_v2(
        152, 58331648, ("a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33")
    ),
    _INCEPTION_V3,
    _vgg(
        16,
        14714688,
        "block5_conv3",
        ("64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc"),
    ),
    _vgg(
        19,
        20024384,
        "block5_conv4",
        ("cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6"),
    ),
    _efficientnet(
        "b0",
        224,
        4049571,
        1280,
        ("902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d"),
    ),
    _efficientnet(
        "b1",
        240,
        6575239,
        1280,
        ("1d254153d4ab51201f1646940f018540", "74c4e6b3e1f6a1eea24c589628592432"),
    ),
    _efficientnet(
        "b2",
        260,
        7768569,
        1408,
        ("b15cce36ff4dcbd00b6dd88e7857a6ad", "111f8e2ac8aa800a7a99e3239f7bfb39"),
    ),
    _efficientnet(
        "b3",
        300,
        10783535,
        1536,
        ("ffd1fdc53d0ce67064dc6a9c7960ede0", "af6d107764bb5b1abb91932881670226"),
    ),
    _efficientnet_v2(
        "b0",
        224,
        5919312,
        1280,
        ("21ecbf6da12460d5c40bb2f29ceb2188", "893217f2bb855e2983157299931e43ff"),
    ),
    _efficientnet_v2(
        "b1",
        240,
        6931124,
        1280,
        ("069f0534ff22adf035c89e2d9547a9dc", "0e80663031ca32d657f9caa404b6ec37"),
    ),
    _efficientnet_v2(
        "b2",
        260,
        8769374,
        1408,
        ("424e49f28180edbde1e94797771950a7", "1dfe2e7a5d45b6632553a8961ea609eb"),
    ),
    _efficientnet_v2(
        "b3",
        300,
        12930622,
        1536,
        ("1f1fc43bd98a6e4fd8fdfd551e02c7a0", "f6abf7b5849ac99a89b50dd3fd532856"),
    ),
    _TUTORIAL_CNN,
    _SMALL_RESNET,
)

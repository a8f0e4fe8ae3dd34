"""The catalogue of backbones: one card of facts for each, and the files of their weights.

TensorFlow-free. A card's facts hold for the default options; a test compares every card
with the network really built. To add a backbone: one card here, and where Keras does not
have the network, one builder (`models.scratch` shows the shape).
"""

from __future__ import annotations

from collections.abc import Mapping

from sightline.errors import unknown_name
from sightline.models.cards import BackboneCard, ImageNetFiles
from sightline.models.options import Option

_ORIGIN = "https://storage.googleapis.com/tensorflow/keras-applications/"


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


# Small networks bear a rate that would shake large ones out of what they know. Measured on
# photos for MobileNetV2: 1e-4 learns too little in a few epochs, 1e-3 begins to forget.
_SMALL_NETWORK_RATE = 5e-4


def _mobilenet_v3(size: str, parameters: int, embedding: int, activation: str) -> BackboneCard:
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
        fine_tuning_rate=_SMALL_NETWORK_RATE,
        imagenet=ImageNetFiles(
            folder=_ORIGIN + "mobilenet_v3/",
            pattern=f"weights_mobilenet_v3_{size}_224_{{alpha}}_float{{top}}.h5",
            top=("", "_no_top_v2"),
            alphas={0.75: "0.75", 1.0: "1.0"},
        ),
        options={"alpha": _WIDTH, "classifier_layers": _CLASSIFIER_LAYERS},
        source="Howard et al. 2019, Searching for MobileNetV3, arXiv:1905.02244",
    )


def _resnet(depth: int, parameters: int) -> BackboneCard:
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
        ),
        source="He et al. 2015, Deep Residual Learning for Image Recognition, arXiv:1512.03385",
    )


def _resnet_v2(depth: int, parameters: int) -> BackboneCard:
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
        ),
        source="He et al. 2016, Identity Mappings in Deep Residual Networks, arXiv:1603.05027",
    )


def _vgg(depth: int, parameters: int, feature_layer: str) -> BackboneCard:
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
        ),
        options={"classifier_layers": _CLASSIFIER_LAYERS},
        source="Simonyan and Zisserman 2014, Very Deep Convolutional Networks, arXiv:1409.1556",
    )


def _efficientnet(version: str, side: int, parameters: int, embedding: int) -> BackboneCard:
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
        ),
        source="Tan and Le 2019, EfficientNet, arXiv:1905.11946",
    )


def _efficientnet_v2(version: str, side: int, parameters: int, embedding: int) -> BackboneCard:
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
    fine_tuning_rate=_SMALL_NETWORK_RATE,
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
    fine_tuning_rate=_SMALL_NETWORK_RATE,
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

_SMALL_CNN = BackboneCard(
    name="small_cnn",
    title="Small fast network",
    builder="sightline.models.scratch:small_cnn",
    parameters=1165792,
    scaling="minus_one_to_one",
    licence="Apache-2.0",
    default_size=(32, 32),
    minimum_size=(16, 16),
    embedding=256,
    feature_layer="features",
    options={
        "stem_width": Option(default=32, low=1, high=2048, meaning="Filters of the first layer."),
        "widths": Option(
            default=(64, 128, 256), low=1, high=2048, most=6, meaning="Filters of each stage."
        ),
        "shortcuts": Option(
            default=False, meaning="Add what enters a stage's second convolution to what leaves it."
        ),
        "activation": _ACTIVATION,
    },
    source="After Jordan 2024, 94% on CIFAR-10 in 3.29 Seconds on a Single GPU, arXiv:2404.00498",
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
    _mobilenet_v3("small", 939120, 576, "activation_17"),
    _mobilenet_v3("large", 2996352, 960, "activation_19"),
    _resnet(50, 23587712),
    _resnet(101, 42658176),
    _resnet(152, 58370944),
    _resnet_v2(50, 23564800),
    _resnet_v2(101, 42626560),
    _resnet_v2(152, 58331648),
    _INCEPTION_V3,
    _vgg(16, 14714688, "block5_conv3"),
    _vgg(19, 20024384, "block5_conv4"),
    _efficientnet("b0", 224, 4049571, 1280),
    _efficientnet("b1", 240, 6575239, 1280),
    _efficientnet("b2", 260, 7768569, 1408),
    _efficientnet("b3", 300, 10783535, 1536),
    _efficientnet_v2("b0", 224, 5919312, 1280),
    _efficientnet_v2("b1", 240, 6931124, 1280),
    _efficientnet_v2("b2", 260, 8769374, 1408),
    _efficientnet_v2("b3", 300, 12930622, 1536),
    _TUTORIAL_CNN,
    _SMALL_CNN,
    _SMALL_RESNET,
)

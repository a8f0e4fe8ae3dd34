"""The table of methods. A new one is one file and one record here."""

from __future__ import annotations

from collections.abc import Mapping

from sightline.compression.method import Method
from sightline.compression.options import (
    ChannelOptions,
    DistillOptions,
    MagnitudeOptions,
    QuantizationOptions,
)
from sightline.errors import unknown_name


def compression_method(name: str) -> Method:
    """Return a method.

    Raises:
        ConfigError: There is none of that name; the nearest name is suggested.
    """
    if name not in METHODS:
        raise unknown_name("method", name, METHODS)
    return METHODS[name]


def _table(*methods: Method) -> Mapping[str, Method]:
    table = {method.name: method for method in methods}
    if len(table) != len(methods):
        raise ValueError("two methods have one name")
    return table


_DISTILL = Method(
    name="distill",
    title="Knowledge distillation",
    summary="A smaller network, or one for smaller images, learns the model's answers.",
    apply="sightline.compression.distillation:distill",
    check="sightline.compression.student:student_recipe",
    options=DistillOptions,
    source="Hinton et al. 2015, Distilling the Knowledge in a Neural Network, arXiv:1503.02531",
)

_CHANNELS = Method(
    name="channels",
    title="Channel pruning",
    summary="The channels that matter least are cut out; what is left learns the answers again.",
    apply="sightline.compression.channels:prune_channels",
    check="sightline.compression.inheritance:require_float",
    options=ChannelOptions,
    source="Molchanov et al. 2019, Importance Estimation for Neural Network Pruning, "
    "arXiv:1906.10771",
)

_MAGNITUDE = Method(
    name="magnitude",
    title="Pruning by magnitude",
    summary="The smallest weights become zero: a smaller download, no more speed.",
    apply="sightline.compression.magnitude:prune_magnitude",
    check="sightline.compression.inheritance:require_float",
    options=MagnitudeOptions,
    source="Zhu and Gupta 2017, To prune, or not to prune, arXiv:1710.01878",
)

_INT8 = Method(
    name="int8",
    title="Quantisation-aware training",
    summary="The network learns with the rounding of 8 bits; its int8 export then answers alike.",
    apply="sightline.compression.quantization_aware:train_for_int8",
    check="sightline.compression.inheritance:require_float",
    options=QuantizationOptions,
    source="Jacob et al. 2018, Quantization and Training of Neural Networks for Efficient "
    "Integer-Arithmetic-Only Inference, arXiv:1712.05877",
)

METHODS: Mapping[str, Method] = _table(_DISTILL, _CHANNELS, _MAGNITUDE, _INT8)
